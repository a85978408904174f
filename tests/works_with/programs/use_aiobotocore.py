"""aiobotocore against a moto server: S3 objects, streams, multipart uploads and errors; DynamoDB, SQS, SNS."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError
from checks import Checks

check = Checks()
MOTO = os.environ["MOTO_URL"]
BIG = os.urandom(1 << 20) * 6


@asynccontextmanager
async def client(service: str, endpoint: str = MOTO, **config: object) -> AsyncIterator[Any]:
    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b", "region_name": "us-east-1"}
    async with get_session().create_client(service, endpoint_url=endpoint, config=AioConfig(**config), **keys) as made:
        yield made


@asynccontextmanager
async def bucket(name: str) -> AsyncIterator[Any]:
    async with client("s3") as s3:
        await s3.create_bucket(Bucket=name)
        yield s3


@check
async def an_object_is_put_and_got() -> None:
    async with bucket("objects") as s3:
        put = await s3.put_object(Bucket="objects", Key="a/b \u00fc", Body=b"data", Metadata={"x": "1"})
        got = await s3.get_object(Bucket="objects", Key="a/b \u00fc")
        assert put["ETag"] == got["ETag"]
        assert got["Metadata"] == {"x": "1"}
        async with got["Body"] as stream:
            assert await stream.read() == b"data"


@check
async def a_big_object_is_streamed() -> None:
    async with bucket("streams") as s3:
        await s3.put_object(Bucket="streams", Key="big", Body=BIG)
        body = (await s3.get_object(Bucket="streams", Key="big"))["Body"]
        assert b"".join([chunk async for chunk in body.iter_chunks(65536)]) == BIG
        ranged = await s3.get_object(Bucket="streams", Key="big", Range="bytes=10-19")
        assert await ranged["Body"].read() == BIG[10:20]


@check
async def a_body_left_unread_does_no_harm() -> None:
    async with bucket("unread") as s3:
        await s3.put_object(Bucket="unread", Key="big", Body=BIG)
        for _ in range(5):
            body = (await s3.get_object(Bucket="unread", Key="big"))["Body"]
            assert await body.read(10) == BIG[:10]
            body.close()
        assert (await s3.head_object(Bucket="unread", Key="big"))["ContentLength"] == len(BIG)


@check
async def a_multipart_upload_is_completed() -> None:
    async with bucket("parts") as s3:
        where = {"Bucket": "parts", "Key": "k"}
        upload = {**where, "UploadId": (await s3.create_multipart_upload(**where))["UploadId"]}
        parts = []
        for number in (1, 2):
            part = await s3.upload_part(**upload, PartNumber=number, Body=BIG)
            parts.append({"ETag": part["ETag"], "PartNumber": number})
        await s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
        assert (await s3.head_object(**where))["ContentLength"] == 2 * len(BIG)


@check
async def pages_and_waiters_work() -> None:
    async with bucket("pages") as s3:
        await asyncio.gather(*(s3.put_object(Bucket="pages", Key=f"{n:02}", Body=b"") for n in range(25)))
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket="pages", PaginationConfig={"PageSize": 10})
        assert [len(page["Contents"]) async for page in pages] == [10, 10, 5]
        await s3.get_waiter("object_exists").wait(Bucket="pages", Key="24")
        keys = [{"Key": f"{n:02}"} for n in range(25)]
        assert len((await s3.delete_objects(Bucket="pages", Delete={"Objects": keys}))["Deleted"]) == 25


@check
async def errors_of_the_service_are_raised() -> None:
    async with bucket("errors") as s3:
        try:
            await s3.get_object(Bucket="errors", Key="none")
        except s3.exceptions.NoSuchKey as error:
            assert isinstance(error, ClientError)
        else:
            raise AssertionError("found")


@check
async def a_presigned_url_works_without_a_key() -> None:
    async with bucket("signed") as s3, aiohttp.ClientSession() as session:
        where = {"Bucket": "signed", "Key": "a b"}
        url = await s3.generate_presigned_url("put_object", Params=where)
        async with session.put(url, data=b"by hand") as response:
            assert response.status == 200
        url = await s3.generate_presigned_url("get_object", Params=where)
        async with session.get(url) as response:
            assert await response.read() == b"by hand"


@check
async def a_connection_refused_is_an_endpoint_error() -> None:
    async with client("s3", "http://127.0.0.1:1", retries={"max_attempts": 0}) as s3:
        try:
            await s3.list_buckets()
        except EndpointConnectionError:
            pass
        else:
            raise AssertionError("connected")


@check
async def a_silent_endpoint_times_out() -> None:
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    endpoint = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with client("s3", endpoint, read_timeout=0.2, retries={"max_attempts": 0}) as s3:
        try:
            await s3.list_buckets()
        except ReadTimeoutError:
            pass
        else:
            raise AssertionError("answered")
    server.close()


@check
async def a_few_connections_serve_many_calls() -> None:
    async with client("s3", max_pool_connections=3) as s3:
        answers = await asyncio.gather(*(s3.list_buckets() for _ in range(30)))
        assert all("Buckets" in answer for answer in answers)


@check
async def dynamodb_works() -> None:
    async with client("dynamodb") as db:
        key = {"AttributeName": "k", "KeyType": "HASH"}
        kind = {"AttributeName": "k", "AttributeType": "S"}
        await db.create_table(
            TableName="t", KeySchema=[key], AttributeDefinitions=[kind], BillingMode="PAY_PER_REQUEST"
        )
        for n in range(5):
            await db.put_item(TableName="t", Item={"k": {"S": str(n)}, "v": {"B": b"\x00"}})
        assert (await db.get_item(TableName="t", Key={"k": {"S": "3"}}))["Item"]["v"] == {"B": b"\x00"}
        assert (await db.scan(TableName="t"))["Count"] == 5


@check
async def sqs_and_sns_work() -> None:
    async with client("sqs") as sqs, client("sns") as sns:
        url = (await sqs.create_queue(QueueName="q"))["QueueUrl"]
        await sqs.send_message(QueueUrl=url, MessageBody="one")
        received = await sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1)
        assert received["Messages"][0]["Body"] == "one"
        topic = (await sns.create_topic(Name="t"))["TopicArn"]
        assert (await sns.publish(TopicArn=topic, Message="m"))["MessageId"]


check.run()

import pickle

from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from trunkline.client.request_info import RequestInfo

URL_B = URL("http://a/b")
FIELDS = CIMultiDictProxy(CIMultiDict(a="b"))
INFO = RequestInfo(URL_B, "GET", FIELDS)


def test_request_info_takes_the_url_for_a_missing_real_url() -> None:
    assert INFO.real_url == URL_B
    fragment = URL("http://a/b#c")
    assert RequestInfo(URL_B, "GET", FIELDS, fragment) == (URL_B, "GET", FIELDS, fragment)


def test_request_info_pickles_though_its_headers_are_a_view() -> None:
    assert pickle.loads(pickle.dumps(INFO)) == INFO


def test_request_info_prints_its_four_fields() -> None:
    assert repr(INFO) == f"RequestInfo(url={URL_B!r}, method='GET', headers={FIELDS!r}, real_url={URL_B!r})"

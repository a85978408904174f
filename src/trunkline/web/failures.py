"""What a client gets when there is no response to its request: the handler failed, or the request was none.

The author is told by the log; the client is told no more than the status, unless the server runs in debug mode.
"""

import html
import logging
import traceback
from typing import Final

from trunkline import hdrs
from trunkline.conn.errors import BodyTimeout, RequestPayloadError
from trunkline.ground.logs import server_logger
from trunkline.web.request import BaseRequest
from trunkline.web.response import Response
from trunkline.wire.errors import FieldTooLong, TargetTooLong, WireError

_FAILED: Final = "500 Internal Server Error"
_IN_TROUBLE: Final = "Server got itself in trouble"
_PAGE: Final = "<html><head><title>{title}</title></head><body>\n<h1>{title}</h1>\n{text}\n</body></html>\n"


def plain_response(status: int, text: str | None = None) -> Response:
    """Return an error in plain text, after which the connection closes."""
    response = Response(status=status, text=text)
    if text is None:
        response.text = f"{status}: {response.reason}"
    response.force_close()
    return response


def refuse_request(error: WireError) -> Response:
    """Return the answer to bytes that are no request that we take."""
    if isinstance(error, TargetTooLong):
        return plain_response(414, str(error))
    return plain_response(431 if isinstance(error, FieldTooLong) else 400, str(error))


def answer_failure(request: BaseRequest, error: Exception, logger: logging.Logger, debug: bool) -> Response:
    """Return the answer to a request whose handler raised `error`."""
    if isinstance(error, (RequestPayloadError, WireError)):  # its body is damaged, or a part of its form
        server_logger.debug("bad body of %r: %s", request, error)
        return plain_response(408 if isinstance(error, BodyTimeout) else 400, str(error))
    if isinstance(error, TimeoutError):
        server_logger.debug("the handler of %r timed out", request, exc_info=error)
        return plain_response(504)
    logger.error("Error handling request from %s", request.remote, exc_info=error)
    trace = "".join(traceback.format_exception(error)) if debug else ""
    if "text/html" not in request.headers.get(hdrs.ACCEPT, ""):
        return plain_response(500, f"{_FAILED}\n\n{_IN_TROUBLE}" + (f"\n\n{trace}" if trace else ""))
    shown = f"<br>\n<pre>{html.escape(trace)}</pre>" if trace else ""
    response = Response(
        status=500, text=_PAGE.format(title=_FAILED, text=_IN_TROUBLE + shown), content_type="text/html"
    )
    response.force_close()
    return response


def answer_nothing(returned: object, logger: logging.Logger) -> Response:
    """Return the answer to a request whose handler returned something that is no response."""
    if returned is None:
        logger.error("the handler returned None; is a return statement missing? Wanted a web.Response")
    else:
        logger.error("the handler returned a %s; wanted a web.Response", type(returned).__name__)
    return plain_response(500)

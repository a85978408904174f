"""The loggers, by the names that users configure.

They cost one `isEnabledFor` where DEBUG is off. Libraries never add handlers or set levels.
"""

import logging
from typing import Final

client_logger: Final = logging.getLogger("trunkline.client")
pool_logger: Final = logging.getLogger("trunkline.pool")
server_logger: Final = logging.getLogger("trunkline.server")
access_logger: Final = logging.getLogger("trunkline.access")
web_logger: Final = logging.getLogger("trunkline.web")
websocket_logger: Final = logging.getLogger("trunkline.websocket")

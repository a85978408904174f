"""What we call ourselves on the wire (RFC 9110 §10.1.5)."""

import sys
from typing import Final

__version__: Final = "0.1.0"

SERVER_SOFTWARE: Final = f"Python/{sys.version_info[0]}.{sys.version_info[1]} trunkline/{__version__}"

SERVER_NAME: Final = "trunkline"  # the Server field; a version would only help those who look for its bugs

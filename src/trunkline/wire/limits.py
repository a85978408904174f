"""Every bound on what a peer may make us hold or do, named once, each with its source."""

MAX_LINE_BYTES = 8190  # start line; aiohttp's max_line_size, after nginx's 8 KiB buffers
MAX_FIELD_BYTES = 8190  # one field line; aiohttp's max_field_size
MAX_FIELDS = 128  # field lines in a head or trailer section; aiohttp's max_headers
MAX_LENGTH_DIGITS = 19  # of a Content-Length; the largest signed 64-bit number has 19
MAX_CACHED_LINE_BYTES = 256  # longer lines (cookies, policies) rarely repeat; keeps the tables below 1 MB
MAX_CACHED_LINES = 2048  # parsed lines kept; a service talks to a few dozen upstreams of some 15 lines each
MAX_CACHED_HEAD_BYTES = 1024  # whole request heads that are kept; ours: those of programs, hardly those of browsers
MAX_CACHED_HEADS = 512  # about 2 MB at worst with what was parsed of them; ours
MAX_SEEN_MARKS = 8192  # hashes of what came once, so that only what comes again is kept; ours: below 1 MB
MAX_INTERIM_RESPONSES = 32  # 1xx heads before a final one; curl and Go stop in the same range

# The loopback server of `testing`: bounds against a client under test that runs wild, not the internet.
LOOPBACK_MAX_HEAD_BYTES = 64 * 1024  # ours; room for MAX_FIELDS short fields or seven of MAX_FIELD_BYTES
LOOPBACK_MAX_BODY_BYTES = 64 * 1024 * 1024  # ours; several times the 10 MB of the largest benchmark body
LOOPBACK_MAX_DELAY_MS = 60_000  # ours; longer than any timeout that a test waits for
LOOPBACK_MAX_HEADS_CACHED = 256  # ours; a test or demo sends few different heads

# Chunks and content codings.
MAX_CHUNK_LINE_BYTES = 4096  # chunk size and extensions; Go's net/http maxLineLength
MAX_CHUNK_DIGITS = 16  # of a chunk size; 64 bits, as Go and llhttp read it
FREE_CHUNK_OVERHEAD_BYTES = 16 * 1024  # of long size lines, whatever the body; Go's fix of CVE-2023-39326
CHUNK_OVERHEAD_RATIO = 2  # long size lines, beyond the free ones, per body byte; same source
MAX_CODINGS = 5  # of one body; curl's MAX_ENCODE_STACK (CVE-2022-32206)
MAX_DECODE_STEP_BYTES = 256 * 1024  # one decode() step; ours: about 1 ms of inflate
MAX_EMPTY_MEMBERS = 1024  # gzip members or zstd frames in a row without output; ours: bgzip writes one
MAX_BARREN_BYTES = 1024 * 1024  # from one stacked coding to the next without output; ours: 8 zstd blocks
MAX_ZSTD_WINDOW_LOG = 23  # 8 MiB: RFC 9659 §3 forbids larger windows in HTTP
MAX_DECODED_RATIO = 200  # of a body read whole: decoded to received bytes; Apache's DeflateInflateRatioLimit
MAX_DECODED_BODY_BYTES = 64 * 1024 * 1024  # read whole; ours: below it the ratio may be any

# Connections that are kept, and what servers tell or show about how long.
MAX_DELTA_DIGITS = 9  # of a number in Keep-Alive; 30 years, and RFC 9111 §1.2.2 lets a recipient stop at 2^31
KEEPALIVE_MARGIN_S = 0.5  # before the server's own time is up; ours: two round trips across the world
KEEPALIVE_MARGIN_RATIO = 0.1  # of that time, if it is more; ours: servers look at their timers in coarse steps
MIN_LEARNED_IDLE_S = 0.9  # a connection closed sooner was not too old; servers count in seconds, this is 1 s and jitter
IDLE_LIMIT_LIFETIME_S = 600.0  # of what a server was seen to do; ours: it may have been a restart
MAX_IDLE_LIMITS = 1000  # origins whose idle time is remembered; as MAX_DNS_ENTRIES

MAX_DEADLINE_LANES = 32  # distinct timeout durations with a shared timer; programs use a handful
MAX_DNS_ENTRIES = 1000  # names in the DNS cache; aiohttp's dns_cache_max_size
MIN_DNS_TTL_S = 1.0  # of a record; ours: connections opened in one moment share an answer even if its TTL is 0
MAX_DNS_TTL_S = 86_400.0  # of a record; RFC 8767 §4 allows a cap; unbound's cache-max-ttl
NEGATIVE_DNS_S = 5.0  # that a name does not exist (RFC 2308 §5); ours: half of Java's networkaddress.cache.negative.ttl
STALE_DNS_S = 30.0  # an answer is used while it is refreshed, at most; what RFC 8767 §4 recommends for stale data
DNS_RECHECK_S = 5.0  # between refreshes that fail (RFC 8767 §5); the timeout of a question in resolv.conf(5)
MAX_FAILED_ADDRESSES = 1000  # that are tried last; as MAX_DNS_ENTRIES
FAILED_ADDRESS_S = 60.0  # an address is tried last; ours: nginx's fail_timeout is 10 s, but it does without the address
MAX_TLS_SESSION_PEERS = 1024  # peers whose TLS sessions are kept: our choice, as many as DNS names
MAX_TLS_SESSION_CONTEXTS = 32  # distinct contexts among them, 0.8 MB each with the trust store: our choice
MAX_TLS_SESSIONS_PER_PEER = 8  # unused TLS 1.3 tickets: our choice, for a burst of new connections
MAX_TLS_SESSION_AGE_S = 604_800  # RFC 8446 §4.6.1: no ticket, nor what follows from it, is kept for longer than 7 days
MAX_COUNTED_ORIGINS = 1000  # with numbers of their own in a pool's stats: our choice, as many as DNS names
MAX_COUNTED_WAITS = 1024  # last times in the queue, of which percentiles are told: ours; 8 KB, and ten for a p99

# When there are no file descriptors; and what is remembered of sessions that close.
SHORTAGE_PATIENCE_S = 30.0  # for a descriptor, where timeout.connect has no limit; aiohttp's default sock_connect
MIN_SHORTAGE_PAUSE_S = 0.05  # before the first attempt to open another connection; ours: a short request's time
MAX_SHORTAGE_PAUSE_S = 1.0  # between attempts; asyncio's ACCEPT_RETRY_DELAY
MAX_SESSION_LINES = 256  # lines of the program that make sessions; ours: few have more than a handful
MAX_SPARE_CONNECTIONS = 256  # remembered for each line, and origins for it; ours: more than limit=100 keeps

MAX_COOKIE_BYTES = 4096  # name and value of one cookie; RFC 6265bis §5.6
MAX_COOKIE_ATTRIBUTE_BYTES = 1024  # one attribute's value; RFC 6265bis §5.6
MAX_COOKIE_ATTRIBUTES = 32  # attributes of one Set-Cookie field; aiohttp's bound
MAX_COOKIES_PER_RESPONSE = 50  # Set-Cookie fields taken from one response; aiohttp's bound
MAX_COOKIES_PER_DOMAIN = 180  # Chromium's and Firefox's bound; RFC 6265bis §6.1 asks for at least 50
KEPT_COOKIES_PER_DOMAIN = 150  # left when a full domain is thinned out, so that it is seldom done; Firefox
MAX_COOKIES = 3300  # in a jar; Chromium's bound; RFC 6265bis §6.1 asks for at least 3000
KEPT_COOKIES = 3000  # left when a full jar is thinned out; RFC 6265bis §6.1
MAX_COOKIES_PER_REQUEST = 150  # aiohttp's bound
MAX_COOKIE_FIELD_BYTES = 8190  # a Cookie field line; as MAX_FIELD_BYTES, which servers commonly enforce
MAX_COOKIE_SELECTIONS = 256  # request targets whose Cookie field a jar remembers; about 256 × 8 KiB at worst

# Multipart bodies.
MAX_BOUNDARY_LENGTH = 70  # RFC 2046 §5.1.1
MAX_BOUNDARY_PADDING = 128  # blanks behind a boundary, which RFC 2046 §5.1.1 allows; ours: gateways add a few
MAX_PREAMBLE_BYTES = 16 * 1024  # before the first boundary; ours: mail programs write a sentence there
MAX_PART_HEAD_BYTES = 80 * 1024  # all field lines of a part; busboy's bound, once that of Node.js for a head
MAX_MULTIPART_DEPTH = 16  # multipart in multipart; ours: each level costs a pass, mail comes to five or so
MAX_PART_LINE_BYTES = 512 * 1024  # read by readline(); as a stream's, twice aiohttp's read_bufsize
MAX_CHARSET_BYTES = 31  # of the form field `_charset_` (RFC 7578 §4.6); aiohttp's bound
MAX_INLINE_FORM_BYTES = 64 * 1024  # of a urlencoded form that is taken apart on the loop; ours: 30 ms at worst
MAX_FILE_IN_MEMORY_BYTES = 64 * 1024  # of an upload before it goes to disk; ours: a form may have 1000 files

MAX_CACHED_MEDIA_TYPES = 64  # parsed media types kept; ours: a service meets a handful

# The server's connections.
MAX_LEADING_EMPTY_LINES = 16  # before a request; RFC 9112 §2.2 asks to skip "at least one"
MAX_DRAINED_BYTES = 64 * 1024 * 1024  # of a body that nobody reads, before its connection is given up; ours
HEAD_TIMEOUT_S = 60.0  # from the first byte of a head to its last; nginx's client_header_timeout
BODY_TIMEOUT_S = 60.0  # between two reads of a body that is waited for; nginx's client_body_timeout
MIN_BODY_BYTES_PER_S = 240  # of a body that a client sends or takes; Kestrel's MinRequestBodyDataRate and its pendant
WRITE_TIMEOUT_S = 60.0  # in which a peer takes nothing of what it is sent; nginx's send_timeout
LINGERING_S = 10.0  # in which the rest of a refused body is read; aiohttp's lingering_time
KEEPALIVE_S = 3630.0  # between two requests; aiohttp's default, above every common proxy's own

# WebSocket.
MAX_CONTROL_BYTES = 125  # payload of a control frame; RFC 6455 §5.5
MAX_MESSAGE_BYTES = 4 * 1024 * 1024  # of a message, compressed or not; aiohttp's max_msg_size
MAX_FINAL_BLOCKS = 16  # blocks marked as the last in a compressed message; ours: senders write one at most
INCOMPRESSIBLE_SHIFT = 10  # data grows by less than 1/1024 when it cannot be compressed; zlib's deflateBound: 1/4096
INCOMPRESSIBLE_FREE_BYTES = 64  # and by this much when it is short; same source: 13
MAX_QUEUED_BYTES = 2**16  # of messages that nobody has taken yet, before reading pauses; aiohttp's read limit
HALF_CLOSED_PAUSE_S = 1.0  # of a streamed answer, after which a client that sends no more counts as gone; ours
KEEPALIVE_PROBE_AFTER_S = 60  # of silence on a WebSocket, TCP asks whether its peer is there; nginx's proxy timeouts
KEEPALIVE_PROBE_EVERY_S = 15  # while no answer comes; Go's net.KeepAliveConfig
MAX_KEEPALIVE_PROBES = 4  # unanswered; ours: with the two above, a peer that is gone is found in two minutes
WEBSOCKET_LINGERING_S = 2.0  # for the peer to close its side after our Close frame; nginx's lingering_timeout: 5
MAX_CONTROL_FRAMES_PER_TURN = 4096  # pings and the like, then others run; ours: some 15 ms with their answers
QUEUED_MESSAGE_BYTES = 128  # what a message in the queue costs besides its data; ours: tuple, object, slot

# HTTP/2.
H2_STREAM_WINDOW = 2**17  # bytes a peer may send in a stream before we say more; twice this waits for a slow reader
MAX_H2_STREAM_WINDOW = 2**22  # the same once its reader has kept up; ours: 10 Gbit/s at 3 ms
MAX_H2_GROWTH_BYTES = 2**23  # by which all windows of streams may grow together; ours: with 128 streams 24 MB in all
H2_CONNECTION_WINDOW = 2**24  # bytes in all streams together until we say more; ours: streams are what stops a peer
H2_SMALL_INCREMENT = 1024  # of a window; ours: whoever reads a lot gives back more at a time
H2_FRAME_BYTES = 2**16  # of a frame that we take; ours: fewer heads of frames than by the smallest, 2**14
H2_MAX_STREAMS = 128  # of a client at a time; nginx's http2_max_concurrent_streams
H2_MAX_FIELD_LIST_BYTES = 2**16  # of a head, counted as RFC 9113 §6.5.2 does; Go's is 1 MB, nginx's 32 KB
H2_MAX_RESPONSE_LIST_BYTES = 2**18  # of a response; as in HTTP/1.1, for those who raise max_field_size
H2_MAX_RESPONSE_FIELDS = 1024  # of a response; ours, for those who raise max_headers
H2_MAX_BLOCK_BYTES = 2**17  # of a head as it comes, in all its frames; ours: twice its list, for Huffman's worst
H2_MAX_CONTINUATIONS = 32  # frames of one head behind its first; ours: what fits into the above, and some
H2_ASSUMED_STREAMS = 100  # that a server allows, until it says so (RFC 9113 §6.5.2 asks for no fewer)
H2_MAX_LANES = 10_000  # of one connection of ours; ours: more than loops serve
H2_FLUSHED_BYTES = 2**16  # of bodies that wait for the end of a loop's turn; asyncio's high-water mark
H2_LOOK_S = 60.0  # between two looks at a connection: was its peer heard? As long as a PING may go unanswered
H2_SILENT_LOOKS = 5  # with streams open, before a PING asks; gRPC's servers take it ill more often than in 5 minutes
MAX_H1_ORIGINS = 1024  # remembered as speaking HTTP/1.1; ours: a crawler's, some 0.3 MB
H2_MAX_NOISE = 1000  # frames that bring nothing, above those that do; nghttp2's burst of resets
H2_KEPT_STREAMS = 256  # that we reset, whose late frames are ignored; ours: two full sets of streams
H2_GOAWAY_GRACE_S = 0.1  # from the warning to the GOAWAY that counts; ours: a round trip around half the earth
H2_NOISE_HALVED_S = 5.0  # in which the count of such frames is halved by a server; ours: 100 a second may go on

# HPACK: what one direction of an HTTP/2 connection makes us hold.
HPACK_TABLE_BYTES = 4096  # of a dynamic table until settings say otherwise (RFC 9113 §6.5.2); ours is never larger
MAX_LISTED_FIELDS = 300  # ours: MAX_FIELDS, MAX_COOKIES_PER_REQUEST one a field (RFC 9113 §8.2.3), pseudo-fields
MAX_HPACK_INTEGER_OCTETS = 10  # of one integer, zeros that say nothing included; ours: 5 hold all that HTTP/2 needs
MAX_HPACK_INTEGER = 2**32 - 1  # RFC 9113 §6.5.1: a setting has 32 bits, and lengths and indices are smaller
MAX_CACHED_BLOCKS = 32  # header blocks with their fields, of one connection; ours: clients repeat a handful
MAX_CACHED_BLOCK_BYTES = 256  # longer ones rarely repeat; ours: 300 KB of a connection at worst, mostly below 20
MAX_CACHED_REPRESENTATIONS = 128  # of fields, of one connection; ours: some 20 KB, as most are short
MAX_CACHED_REPRESENTATION_BYTES = 256  # longer ones rarely repeat; ours: tokens of some length fit
MAX_CACHED_HUFFMAN_STRINGS = 1024  # of the process; ours: as many values as some dozens of peers repeat
MAX_CACHED_HUFFMAN_BYTES = 64  # of one, coded; ours: below 0.4 MB together

# An application's own tables. Its author fills them, but a router may make a new handler for every request.
MAX_HANDLER_CHAINS = 1024  # handlers with their middlewares around them; ours: large services have some 1,000 routes
MAX_ACCESS_LOG_FORMATS = 16  # compiled; ours: a process has one or two

MAX_CACHED_FILE_HASHES = 1024  # hashes of static files kept for their links; ours: a site links to fewer

MAX_MASKED_HOST_CHARS = 259  # of a Host compared with a domain: 253 of a name (RFC 1035 §2.3.4) and a port

# What is remembered of requests for those who want to look.
MAX_RECORDED_TRIES = 64  # of one hop in a timeline; ours: retrying middlewares give up after some ten
MAX_HAR_ENTRIES = 1000  # kept by a HarRecorder unless told otherwise; ours: some 5 MB

# Challenges of one response, and what is remembered of a server's (RFC 7616).
MAX_CHALLENGES = 32  # taken from a response; ours: servers offer a handful
MAX_DIGEST_SPACES = 32  # protection spaces remembered by a middleware; ours: one user's realms on a server
MAX_DIGEST_DOMAIN_URIS = 32  # taken from a challenge's domain; ours: servers name a few
MAX_DIGEST_NONCES = 256  # whose counts are kept; ours: more than requests that are under way at once

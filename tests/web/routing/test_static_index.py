"""The page that lists a directory."""

import os
from pathlib import Path

from trunkline.web.routing.static_index import render_index


def test_the_page_lists_files_and_directories_by_name(tmp_path: Path) -> None:
    (tmp_path / "b.txt").touch()
    (tmp_path / "a").mkdir()
    assert render_index(tmp_path, tmp_path, "/static") == (
        "<html>\n<head>\n<title>Index of /.</title>\n</head>\n<body>\n<h1>Index of /.</h1>\n<ul>\n"
        '<li><a href="/static/a">a/</a></li>\n'
        '<li><a href="/static/b.txt">b.txt</a></li>\n'
        "</ul>\n</body>\n</html>"
    )


def test_links_below_the_root_are_whole_paths(tmp_path: Path) -> None:
    below = tmp_path / "one two" / "three"
    below.mkdir(parents=True)
    (below / "x").touch()
    page = render_index(below, tmp_path, "/s")
    assert '<a href="/s/one%20two/three/x">x</a>' in page
    assert "<h1>Index of /one two/three</h1>" in page


def test_names_cannot_leave_their_place(tmp_path: Path) -> None:
    name = "<script>\"'&?#.txt"
    (tmp_path / name).touch()
    page = render_index(tmp_path, tmp_path, "/s")
    assert '<a href="/s/%3Cscript%3E%22%27%26%3F%23.txt">&lt;script&gt;&quot;&#x27;&amp;?#.txt</a>' in page


def test_a_name_of_bytes_that_are_no_text_is_listed(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff")).touch()
    assert '<a href="/s/%FF">?</a>' in render_index(tmp_path, tmp_path, "/s")

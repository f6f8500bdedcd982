"""`tinydl report`: one file that loads nothing and hides nothing."""

import html
import json
import os
import re
import shutil

import pytest

from tinydl import cli


def test_all_is_in_one_file(there, tmp_path, capsys):
    path = tmp_path / "report.html"
    (there / "run" / "curves.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert cli.main(["report", "run", "--out", str(path)]) == 0
    assert capsys.readouterr().out == f"written to {path}\n"
    page = path.read_text()
    assert "<title>digits_cnn on small.npz</title>" in page
    assert "accuracy 100.00 % (12 of 12)" in page
    for name in ("low", "middle", "high"):
        assert f"<tr><td>{name}<td>100.0%<td>100.0%<td>100.0%<td>4</tr>" in page
    assert 'src="data:image/png;base64,iVBORw0KGgo="' in page
    assert "<h2>Most wrong</h2>\n<p>All test samples are right.</p>" in page
    assert "Conv2d" in page and "&quot;batch_size&quot;: 16" in page
    settings = json.loads(html.unescape(re.search("<h2>Settings</h2>\n<pre>(.*?)</pre>", page, re.S)[1]))
    assert settings == json.loads((there / "run" / "config.json").read_text())
    assert not re.search(r"(src|href)=[\"']?(http|/)", page)
    (there / "run" / "curves.png").unlink()


def test_names_that_are_no_utf8(there, tmp_path):
    data = tmp_path / "small\udcff.npz"
    try:
        shutil.copy(there / "small.npz", data)
    except OSError:
        pytest.skip("a file system without such names")
    shutil.copytree(there / "run", tmp_path / "run")
    settings = json.loads((tmp_path / "run" / "config.json").read_text()) | {"data": str(data)}
    (tmp_path / "run" / "config.json").write_text(json.dumps(settings))
    assert cli.main(["report", str(tmp_path / "run")]) == 0
    assert r"<title>digits_cnn on small\udcff.npz</title>" in (tmp_path / "run" / "report.html").read_text()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names are POSIX's")
def test_a_picture_that_is_a_pipe_is_left_out(there, tmp_path):
    os.mkfifo(there / "run" / "curves.png")
    assert cli.main(["report", "run", "--out", str(tmp_path / "report.html")]) == 0
    (there / "run" / "curves.png").unlink()

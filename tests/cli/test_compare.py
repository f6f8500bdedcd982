"""`tinydl compare`."""

import json
import shutil

from tinydl import cli


def test_what_differs_is_shown(there, tmp_path, capsys):
    other = tmp_path / "other"
    shutil.copytree("run", other)
    config = json.loads((other / "config.json").read_text())
    config["lr"] = 0.125
    (other / "config.json").write_text(json.dumps(config))
    (other / "result.json").unlink()
    (other / "history.csv").write_text("damaged")
    assert cli.main(["compare", "run", str(other)]) == 0
    header, first, second = capsys.readouterr().out.splitlines()
    assert header.split()[:3] == ["run", "lr", "done"]
    assert first.split()[:4] == ["run", "0.05", "8", "epochs"] and "100.00 %" in first
    assert second.split()[:4] == [str(other), "0.125", "0", "epochs"] and "not done" in second
    assert cli.main(["compare", "run", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["runs"]
    assert row["test"]["accuracy"] == 1 and row["settings"]["model"] == "digits_cnn"
    assert cli.main(["compare", "run", "nowhere"]) == 2

"""`tinydl eval`."""

import json

from tinydl import cli


def test_a_table_of_classes_and_the_same_as_json(there, capsys):
    assert cli.main(["eval", "run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("digits_cnn on small test: accuracy 100.00 % (12 of 12), loss ")
    assert [line.split() for line in lines[2:5]] == [
        [name, "100.00", "%", "100.00", "%", "100.00", "%", "4"] for name in ("low", "middle", "high")]
    assert lines[5] == "macro F1 100.00 %"
    assert cli.main(["eval", "run", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["accuracy"], told["n"], told["macro_f1"]) == (1, 12, 1)
    assert told["classes"][2] == {"class": "high", "precision": 1, "recall": 1, "f1": 1, "n": 4}

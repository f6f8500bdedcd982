"""`tinydl info`: what `show_config` says."""

from tinydl import cli


def test_it_prints_what_was_found(capsys):
    assert cli.main(["info"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {"tinydl", "isa_level", "threads"} <= {line.split()[0] for line in lines}

"""`tinydl info`: what `show_config` says."""

from tinydl import cli


def test_it_prints_what_was_found(capsys):
    assert cli.main(["info"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {"tinydl", "isa_level", "threads"} <= {line.split()[0] for line in lines}


def test_a_build_for_one_thread_says_how_to_have_more(capsys, monkeypatch):
    monkeypatch.setattr("tinydl.config.parallel.has_openmp", lambda: False)
    assert cli.main(["info"]) == 0
    assert "tinydl: this build of tinydl has no OpenMP; install" in capsys.readouterr().err

"""What compiled rules a store holds runs only for the user who wrote them."""

from __future__ import annotations

import marshal
import os
from pathlib import Path

import pytest
from cda_samples import write_kit

from socle.services.conformance.domain import Layer
from socle.services.conformance.kit import install_kit, installed_kit
from socle.services.conformance.packs import OwnRules
from socle.services.conformance.seal import NotOurs, read_sealed, write_sealed


@pytest.fixture(autouse=True)
def own_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "mine"))
    return tmp_path / "mine"


def test_what_was_written_is_read_back_and_the_key_is_the_user_s_alone(tmp_path: Path, own_configuration: Path) -> None:
    write_sealed(tmp_path / "x", b"code")
    assert read_sealed(tmp_path / "x") == b"code"
    assert os.stat(own_configuration / "socle" / "store.key").st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", [b"", b"code", bytes(32) + b"code"])
def test_what_nobody_sealed_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(NotOurs):
        read_sealed(tmp_path / "x")


def test_the_kit_and_the_plans_of_another_user_are_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_kit(write_kit(tmp_path / "kit"), tmp_path / "store")
    assert installed_kit(tmp_path / "store") is not None
    OwnRules(tmp_path / "own").plan(Layer.HEADER)
    [plan] = (tmp_path / "own").rglob("*.plan")
    written = plan.read_bytes()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "theirs"))

    def refuse(_content: bytes) -> object:
        raise AssertionError("a stranger's code was loaded")

    with monkeypatch.context() as watched:
        watched.setattr(marshal, "loads", refuse)
        with pytest.raises(NotOurs):
            installed_kit(tmp_path / "store")
    assert OwnRules(tmp_path / "own").plan(Layer.HEADER) is not None
    assert plan.read_bytes() != written

from dataclasses import FrozenInstanceError

import pytest

from ray_nas.searchers import Proposal


def test_a_proposal_cannot_be_changed() -> None:
    proposal = Proposal({"depth": 2}, "mutation", ("a",), key="2")
    with pytest.raises(FrozenInstanceError):
        proposal.key = "3"
    assert proposal == Proposal({"depth": 2}, "mutation", ("a",), key="2")
    assert proposal != Proposal({"depth": 2}, "mutation", ("b",), key="2")

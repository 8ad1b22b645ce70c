import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from socle.standards.errors import Conflict
from socle.standards.ids.status import TRANSITIONS, IdentityAttribute, IdentityEvent, IdentityStatus, Reliability

PROV, RECUP = IdentityStatus.PROVISIONAL, IdentityStatus.RETRIEVED
VALI, QUAL = IdentityStatus.VALIDATED, IdentityStatus.QUALIFIED


@pytest.mark.parametrize(
    ("path", "end"),
    [
        ([IdentityEvent.INS_RETRIEVED], RECUP),
        ([IdentityEvent.PROOF_CHECKED], VALI),
        ([IdentityEvent.INS_RETRIEVED, IdentityEvent.PROOF_CHECKED], QUAL),
        ([IdentityEvent.PROOF_CHECKED, IdentityEvent.INS_RETRIEVED], QUAL),
        ([IdentityEvent.VITALE_APP_READ], QUAL),
        ([IdentityEvent.VITALE_APP_READ, IdentityEvent.INS_WITHDRAWN], VALI),
        ([IdentityEvent.INS_RETRIEVED, IdentityEvent.INS_WITHDRAWN], PROV),
        ([IdentityEvent.VITALE_APP_READ, IdentityEvent.TRAIT_EDITED], RECUP),
        ([IdentityEvent.PROOF_CHECKED, IdentityEvent.TRAIT_EDITED], PROV),
        ([IdentityEvent.VITALE_APP_READ, IdentityEvent.PROOF_INVALIDATED], RECUP),
    ],
)
def test_the_paths_of_the_rniv_lead_where_it_says(path, end):
    state = Reliability()
    for event in path:
        state = state.after(event)
    assert state.status is end


def test_every_event_has_its_row():
    assert set(TRANSITIONS) == set(IdentityEvent)


@pytest.mark.parametrize("attribute", [IdentityAttribute.DOUBTFUL, IdentityAttribute.FICTITIOUS])
def test_a_doubtful_or_fictitious_identity_falls_to_provisional_and_cannot_rise(attribute):
    state = Reliability(QUAL).marked(attribute)
    assert (state.status, state.has_ins) == (PROV, False)
    for event in (IdentityEvent.INS_RETRIEVED, IdentityEvent.PROOF_CHECKED, IdentityEvent.VITALE_APP_READ):
        with pytest.raises(Conflict):
            state.after(event)
    assert state.unmarked(attribute).after(IdentityEvent.INS_RETRIEVED).status is RECUP


def test_doubtful_and_fictitious_exclude_each_other_and_homonym_goes_with_either():
    with pytest.raises(Conflict):
        Reliability().marked(IdentityAttribute.DOUBTFUL).marked(IdentityAttribute.FICTITIOUS)
    assert Reliability(QUAL).marked(IdentityAttribute.HOMONYM).status is QUAL
    both = Reliability().marked(IdentityAttribute.DOUBTFUL).marked(IdentityAttribute.HOMONYM)
    assert both.attributes == {IdentityAttribute.DOUBTFUL, IdentityAttribute.HOMONYM}


def test_a_state_that_breaks_an_invariant_cannot_be_built():
    with pytest.raises(Conflict):
        Reliability(QUAL, frozenset({IdentityAttribute.DOUBTFUL}))


class LifeOfAnIdentity(RuleBasedStateMachine):
    """Against a model that knows two facts: an INS is held, a proof was checked."""

    def __init__(self):
        super().__init__()
        self.state = Reliability()
        self.holds_ins = self.is_proven = False

    @rule(event=st.sampled_from(IdentityEvent))
    def meet(self, event):
        try:
            self.state = self.state.after(event)
        except Conflict:
            raising = event in (IdentityEvent.INS_RETRIEVED, IdentityEvent.PROOF_CHECKED, IdentityEvent.VITALE_APP_READ)
            without_object = (event is IdentityEvent.INS_WITHDRAWN and not self.holds_ins) or (
                event is IdentityEvent.PROOF_INVALIDATED and not self.is_proven
            )
            assert without_object or (raising and self.state.is_barred)
            return
        match event:
            case IdentityEvent.INS_RETRIEVED:
                self.holds_ins = True
            case IdentityEvent.PROOF_CHECKED:
                self.is_proven = True
            case IdentityEvent.VITALE_APP_READ:
                self.holds_ins = self.is_proven = True
            case IdentityEvent.INS_WITHDRAWN:
                self.holds_ins = False
            case IdentityEvent.TRAIT_EDITED | IdentityEvent.PROOF_INVALIDATED:
                self.is_proven = False

    @rule(attribute=st.sampled_from(IdentityAttribute))
    def mark(self, attribute):
        try:
            self.state = self.state.marked(attribute)
        except Conflict:
            return
        if self.state.is_barred:
            self.holds_ins = self.is_proven = False

    @precondition(lambda self: self.state.attributes)
    @rule(attribute=st.sampled_from(IdentityAttribute))
    def unmark(self, attribute):
        self.state = self.state.unmarked(attribute)

    @invariant()
    def status_says_the_two_facts(self):
        expected = {(False, False): PROV, (True, False): RECUP, (False, True): VALI, (True, True): QUAL}
        assert self.state.status is expected[self.holds_ins, self.is_proven]
        assert self.state.may_send_ins == (self.holds_ins and self.is_proven)

    @invariant()
    def no_forbidden_pair(self):
        assert not {IdentityAttribute.DOUBTFUL, IdentityAttribute.FICTITIOUS} <= self.state.attributes


TestLifeOfAnIdentity = LifeOfAnIdentity.TestCase
TestLifeOfAnIdentity.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)

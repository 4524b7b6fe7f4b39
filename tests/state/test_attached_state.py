import pickle

from ray_nas.state.attached_state import AttachedStates


def test_a_state_waits_for_its_object_and_is_saved_meanwhile() -> None:
    attached = AttachedStates()
    attached.set_state({"scheduler": {"rung": 1}})
    assert attached.get_state() == {"scheduler": {"rung": 1}}
    received: list[dict] = []
    attached.attach("scheduler", lambda: {"rung": 2}, received.append)
    assert received == [{"rung": 1}]
    assert attached.get_state() == {"scheduler": {"rung": 2}}


def test_an_object_of_the_same_name_replaces_the_earlier_one() -> None:
    attached = AttachedStates()
    received: dict[str, dict] = {}
    attached.attach("one", lambda: {"n": 1}, lambda state: received.update(first=state))
    attached.attach("one", lambda: {"n": 2}, lambda state: received.update(second=state))
    attached.set_state(attached.get_state())
    assert received == {"second": {"n": 2}}


def test_pickles_leave_the_objects_behind() -> None:
    attached = AttachedStates()
    attached.set_state({"later": {"n": 1}})
    attached.attach("one", lambda: {"n": 2}, lambda state: None)
    assert pickle.loads(pickle.dumps(attached)).get_state() == {"later": {"n": 1}}

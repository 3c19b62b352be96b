"""What outlives processes that learn."""

from oddflow.cluster.keeper import Keeper


def test_what_is_told_again_is_handed_on_once():
    keeper = Keeper({"fit-1.safetensors": b"old"})
    for place, epoch in enumerate("ab"):
        assert keeper.tell(place, epoch)
    assert keeper.news().epochs == ["a", "b"]
    for place, epoch in enumerate("abc"):  # by processes that were started again
        keeper.tell(place, epoch)
    assert keeper.news().epochs == ["c"]
    assert keeper.news().epochs == []


def test_the_last_checkpoint_of_a_name_is_kept_and_is_news_once():
    keeper = Keeper({"fit-1.safetensors": b"old"})
    keeper.keep("fit-1.safetensors", b"new")
    keeper.keep("fit-1.safetensors", b"newer")
    assert keeper.files() == {"fit-1.safetensors": b"newer"}
    assert keeper.news().files == {"fit-1.safetensors": b"newer"}
    assert keeper.news().files == {}


def test_the_first_failure_counts_and_whoever_left_wants_no_epoch():
    keeper = Keeper({})
    assert not keeper.is_over()
    first = ValueError("first")
    keeper.fail(first)
    keeper.fail(ValueError("second"))
    assert keeper.news().failure is first
    assert keeper.is_over()
    other = Keeper({})
    other.stop()
    assert not other.tell(0, "a")
    assert other.is_over()

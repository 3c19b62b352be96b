"""The state of the examples."""

from oddflow.server.store.alerts import AlertFilter


def test_what_is_stored_is_what_was_judged(filled_state, service):
    told = filled_state[1].told
    assert service.store.alerts.count(AlertFilter()) == told.alerts > 0
    assert service.flows.usage().flows == told.flows
    assert told.packets == told.metered + sum(told.lost.values())
    assert sum(told.scores) == sum(told.latency) == told.flows

"""`oddflow inspect --inside`, as a person calls it."""

from .call import call


def test_a_page_of_a_network(office, tmp_path):
    model, page = tmp_path / "<b>.oddflow", tmp_path / "inside.html"
    learnt = call("learn", office.baseline, "-o", model, "--detector", "autoencoder", "--option", "epochs=1")
    assert learnt.code == 0, learnt
    shown = call("inspect", model, "--inside", page, "--on", office.incident)
    assert shown.code == 0, shown
    assert "metered" in shown.err
    text = page.read_text()
    assert "encoder.0" in text
    assert "as they answer flows of incident.pcap" in text
    assert "<b>.oddflow" not in text
    assert call("inspect", model, "--inside", page).code == 0
    assert "give traffic with --on" in page.read_text().replace("Only", "only")


def test_what_cannot_be_looked_into_is_said(office, tmp_path):
    page = tmp_path / "inside.html"
    outcome = call("inspect", office.model, "--inside", page)
    assert outcome.code == 2
    assert "holds no network" in outcome.err
    assert not page.exists()
    outcome = call("inspect", office.model, "--on", office.incident)
    assert outcome.code == 2
    assert "--inside" in outcome.err

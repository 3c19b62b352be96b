"""What people and programs do on the web, inside and outside, one function each."""

import http.client
import random
import socket
from typing import TYPE_CHECKING

import office
from office import BUILD, FILES, RUN, WEB

if TYPE_CHECKING:
    from people import Actor

AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 Version/17.5 Safari/605.1.15",
)
INTRANET = tuple(f"{name}.{office.DOMAIN}" for name in ("intranet", "wiki", "api", "web"))


def _agent(actor: "Actor") -> str:
    return AGENTS[sum(actor.host.encode()) % len(AGENTS)]


def _family(rng: random.Random) -> list[str]:
    return rng.choice(([], [], ["-4"], ["-4"], ["-6"]))


def curl(actor: "Actor", *arguments: str, limit_s: int = 40) -> None:
    """Fetches with curl as a browser would ask; over TLS compressed, so that captures stay small."""
    squeezed = ["--compressed"] if any("https://" in argument for argument in arguments) else []
    common = ["-sk", "-A", _agent(actor), "-m", str(limit_s), *squeezed]
    actor.run("curl", *common, *arguments, limit_s=limit_s + 5)


def _page(rng: random.Random) -> str:
    return f"p/{min(office.PAGES - 1, int(rng.paretovariate(0.9)) - 1)}.html"  # a few pages are popular


def _visit(actor: "Actor", base: str, family: list[str]) -> None:
    """One page, some of what belongs to it on the same connection, more in parallel."""
    rng = actor.rng
    own = [f"{base}/{_page(rng)}" for _ in range(1 + min(12, int(rng.expovariate(0.5))))]
    version = rng.choice((["--http1.1"], []))
    curl(actor, *family, *version, *own)
    if rng.random() < 0.45:
        lanes = str(rng.randint(2, 4))
        more = [f"{base}/{_page(rng)}" for _ in range(rng.randint(2, 7))]
        curl(actor, *family, "--http1.1", "--parallel", "--parallel-max", lanes, *more)


def surf(actor: "Actor") -> None:
    """A browsing session outside: a few pages, with objects from content networks."""
    rng = actor.rng
    site = rng.choice(office.SITES)
    for _ in range(1 + min(7, int(rng.expovariate(0.45)))):
        if actor.left_s() < 1:
            return
        if rng.random() < 0.3:
            site = rng.choice(office.SITES)
        _visit(actor, site.url, _family(rng) if site.address6 else [])
        for _ in range(rng.choice((0, 0, 1, 1, 2))):
            scheme = rng.choice(("http", "http", "https"))
            curl(actor, f"{scheme}://{office.edge_name(rng)}/{_page(rng)}")
        actor.think(4.0, 1.1)


def read_intranet(actor: "Actor") -> None:
    """Pages of the intranet, at times one that is gone, has moved, or comes over TLS."""
    rng = actor.rng
    for _ in range(1 + min(5, int(rng.expovariate(0.6)))):
        secure = rng.random() < 0.15
        if actor.left_s() < 1 or not (secure or actor.may_reach(WEB, 80)):
            return
        base = f"http{'s' * secure}://{rng.choice(INTRANET)}"
        if rng.random() < 0.12:
            curl(actor, *_family(rng), "-L", f"{base}/{rng.choice(('old/x', 'gone.html', 'favicon.ico'))}")
        else:
            _visit(actor, base, _family(rng))
        actor.think(4.0)


def keep_open(actor: "Actor") -> None:
    """A page that asks again on the same connection, idle for tens of seconds in between."""
    rng = actor.rng
    outside = [site.name for site in office.SITES if not site.secure]
    own = rng.random() < 0.6
    if own and not actor.may_reach(WEB, 80):
        return
    family = rng.choice((socket.AF_INET, socket.AF_INET, socket.AF_INET6)) if own else socket.AF_INET
    name = rng.choice(INTRANET) if own else rng.choice(outside)
    address = str(socket.getaddrinfo(name, 80, family, socket.SOCK_STREAM)[0][4][0])
    connection = http.client.HTTPConnection(address, timeout=20)
    connection.connect()
    connection.auto_open = 0  # a closed connection stays closed: reopening could blur truth
    try:
        for _ in range(rng.randint(2, 6)):
            connection.request("GET", f"/{_page(rng)}", headers={"Host": name, "User-Agent": _agent(actor)})
            connection.getresponse().read()
            actor.rest(min(60.0, rng.lognormvariate(2.6, 0.7)))
    except http.client.HTTPException:
        return
    finally:
        connection.close()


def follow_events(actor: "Actor") -> None:
    """A slow stream of events: a response that trickles for half a minute."""
    if actor.may_reach(WEB, 80):
        name = actor.rng.choice(INTRANET)
        stream = actor.rng.randrange(office.DOWNLOADS)
        curl(actor, *_family(actor.rng), "-N", f"http://{name}/events/{stream}.txt", limit_s=50)


def fill_form(actor: "Actor") -> None:
    """A form sent to the intranet or outside, at times from a slow line."""
    rng = actor.rng
    own = rng.random() < 0.5
    if own and not actor.may_reach(WEB, 80):
        return
    base = f"http://{rng.choice(INTRANET)}" if own else rng.choice(office.SITES).url
    text = "text=" + "+".join(rng.choices(AGENTS, k=rng.randint(1, 40))).replace(" ", "+")
    slow = ["--limit-rate", f"{rng.choice((100, 200, 500))}"] if rng.random() < 0.3 else []
    curl(actor, *slow, "-d", text, f"{base}/form")


def download(actor: "Actor") -> None:
    """A larger file, often at a limited rate."""
    rng = actor.rng
    rate = rng.choice(([], ["--limit-rate", "30k"], ["--limit-rate", "80k"], ["--limit-rate", "200k"]))
    base = rng.choice([site.url for site in office.SITES if not site.secure] + [f"http://{BUILD.full_name}:8080"])
    curl(actor, *rate, f"{base}/get/{rng.randrange(office.DOWNLOADS)}.txt", limit_s=60)


def back_up(actor: "Actor") -> None:
    """Uploads a backup to the file server, as a nightly job would."""
    rng = actor.rng
    source = f"{RUN}/www/get/{rng.randrange(2, office.DOWNLOADS)}.txt"
    target = f"http://{FILES.full_name}:8080/drop/{actor.host}-{rng.randrange(100)}.txt"
    curl(actor, "-T", source, "--limit-rate", rng.choice(("300k", "1m", "4m")), target, limit_s=60)

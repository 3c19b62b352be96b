"""The office's and the outside's servers: nginx, dnsmasq, sshd, iodined, all real."""

import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

import office
from sandbox import call, inside, join_outside, start

RUN = office.RUN
WORDS = (
    "account agenda archive balance branch budget calendar client committee contract customer delivery "
    "department draft estimate invoice january ledger manager meeting minutes notice office order page "
    "payment planning project quarter receipt report review revision schedule service shipment signature "
    "summary supplier tender total travel update vendor visit warehouse week year"
)
NGINX = """
worker_processes 1;
pid {run}/nginx.pid;
error_log {run}/error.log crit;
user root;
events {{ worker_connections 768; }}
http {{
  access_log off;
  default_type text/html; gzip on; gzip_http_version 1.1;
  client_body_temp_path {run}/body; proxy_temp_path {run}/proxy; fastcgi_temp_path {run}/fastcgi;
  uwsgi_temp_path {run}/uwsgi; scgi_temp_path {run}/scgi;
  client_max_body_size 20m; keepalive_timeout 75; client_header_timeout 60;
  ssl_certificate {lab}/web.crt; ssl_certificate_key {lab}/web.key; ssl_session_tickets off;
  server {{
    {listen}
    root {lab}/www;
    location /form {{ return 204; }}
    location /old/ {{ return 301 /p/1.html; }}
    location /events/ {{ limit_rate 150; }}
    location /drop/ {{ dav_methods PUT; create_full_put_path on; }}
  }}
}}
"""
SSHD = """
HostKey {lab}/host.key
PidFile none
UsePAM no
UseDNS no
StrictModes no
AuthorizedKeysFile {lab}/person.key.pub
KexAlgorithms curve25519-sha256
PrintMotd no
PrintLastLog no
Subsystem sftp internal-sftp
"""
ASKPASS = """#!/bin/sh
# Someone types: slowly, and the first line first.
sleep "$LAB_TYPING_S"
head -n 1 "$LAB_PASSWORDS"
sed -i 1d "$LAB_PASSWORDS"
"""


def prose(rng: random.Random, size_bytes: int) -> str:
    """Text of about the size asked for; phrases recur, so that published captures stay small."""
    phrases = random.Random("phrases")
    known = [" ".join(phrases.choices(WORDS.split(), k=30)) for _ in range(60)]
    return ". ".join(rng.choices(known, k=size_bytes // 200 + 1))[:size_bytes]


def stock() -> None:
    """Lays out pages, downloads, parcels for scp, keys and the certificate."""
    rng = random.Random("office")
    for folder in ("www/p", "www/events", "www/get", "www/drop", "parcels", "desk"):
        (RUN / folder).mkdir(parents=True)
    for i in range(office.PAGES):
        size = min(60_000, int(rng.lognormvariate(7.9, 1.3)) + 120)
        (RUN / f"www/p/{i}.html").write_text(prose(rng, size))
    for i in range(office.DOWNLOADS):
        (RUN / f"www/get/{i}.txt").write_text(prose(rng, 90_000 * 2**i // 3 + 40_000))
        (RUN / f"www/events/{i}.txt").write_text(prose(rng, rng.randint(1_500, 7_000)))
    for i in range(office.PARCELS):
        (RUN / f"parcels/{i}").write_text(prose(rng, min(60_000, int(rng.lognormvariate(8.6, 1.1)) + 50)))
    for name in ("host", "person"):
        call("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{RUN}/{name}.key")
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    files = ["-keyout", f"{RUN}/web.key", "-out", f"{RUN}/web.crt"]
    call("openssl", "req", "-x509", *curve, "-days", "90", "-subj", "/CN=*.example", *files)
    (RUN / "askpass").write_text(ASKPASS)
    (RUN / "askpass").chmod(0o755)
    (RUN / "sshd.conf").write_text(SSHD.format(lab=RUN))


def start_all(limit_s: float) -> None:
    """Starts every server and returns once names resolve and pages load from both sides."""
    start("router", sys.executable, str(Path(__file__).with_name("delay.py")), limit_s=limit_s)
    until(lambda: bool(call("ip", "-n", "router", "link", "show", "far")))
    join_outside()
    http = "listen 80; listen [::]:80; listen 8080; listen [::]:8080;"
    https = "listen 443 ssl http2; listen [::]:443 ssl http2;"
    _nginx(office.WEB.name, http + https, limit_s)
    _nginx(office.FILES.name, "listen 8080; listen [::]:8080;", limit_s)
    _nginx(office.BUILD.name, http, limit_s)
    _nginx("outside", http + https, limit_s)
    for host in (office.FILES, office.BUILD, office.WEB):
        start(host.name, "/usr/sbin/sshd", "-D", "-e", "-f", f"{RUN}/sshd.conf", limit_s=limit_s)
    _dnsmasq(office.DNS.name, office_zone(), limit_s)
    _dnsmasq("outside", outside_zone(), limit_s)
    iodined = ["iodined", "-f", "-c", "-P", office.PASSWORD, "-l", office.TUNNEL_END]
    start("outside", *iodined, f"{office.TUNNEL_INSIDE}.1/24", office.TUNNEL_DOMAIN, limit_s=limit_s)
    probe = ["curl", "-skf", "-m", "3", "-o", "/dev/null"]
    pages = [f"http://{office.WEB.full_name}/p/0.html", f"{office.SITES[1].url}/p/0.html"]
    until(lambda: all(call(*inside(office.MONITOR.name, *probe, page)) == "" for page in pages))


def until(ready: Callable[[], bool], patience_s: float = 20) -> None:
    """Waits for a condition; a RuntimeError within it means "not yet"."""
    end = time.monotonic() + patience_s
    while True:
        try:
            if ready():
                return
        except RuntimeError:
            if time.monotonic() > end:
                raise
        time.sleep(0.1)


def office_zone() -> list[str]:
    """What the office's resolver knows itself, and whom it asks for the rest."""
    records = [f"host-record={h.full_name},{h.address},{h.address6}" for h in office.HOSTS]
    aliases = [f"cname={name}.{office.DOMAIN},{office.WEB.full_name}" for name in ("intranet", "wiki", "api")]
    return [
        f"listen-address={office.RESOLVER},{office.DNS.address6}",
        f"server={office.OUTSIDE_RESOLVER}",
        f"server=/{office.TUNNEL_DOMAIN}/{office.TUNNEL_END}",
        f"local=/{office.DOMAIN}/",
        f"mx-host={office.DOMAIN},{office.WEB.full_name},10",
        *records,
        *aliases,
    ]


def outside_zone() -> list[str]:
    """What the outside's name server answers with; everything else does not exist."""
    sites = [
        f"host-record={site.name},{site.address}" + (f",{site.address6}" if site.address6 else "")
        for site in office.SITES
    ]
    domains = [site.name.removeprefix("www.") for site in office.SITES]
    return [
        f"listen-address={office.OUTSIDE_RESOLVER}",
        "server=/#/",
        "local-ttl=40",
        f"address=/reputation.example/{office.REPUTATION}",
        *(f"address=/edge-cdn.example/{address}" for address in office.EDGES),
        *sites,
        *(f"mx-host={domain},www.{domain},10" for domain in domains),
        *(f'txt-record={domain},"v=spf1 ip4:192.0.2.0/24 include:_spf.{domain} -all"' for domain in domains),
    ]


def _nginx(namespace: str, listen: str, limit_s: float) -> None:
    run = RUN / f"nginx-{namespace}"
    run.mkdir()
    conf = run / "nginx.conf"
    conf.write_text(NGINX.format(run=run, lab=RUN, listen=listen))
    command = ["nginx", "-p", str(run), "-e", f"{run}/error.log", "-c", str(conf), "-g", "daemon off;"]
    start(namespace, *command, limit_s=limit_s)


def _dnsmasq(namespace: str, lines: list[str], limit_s: float) -> None:
    conf = RUN / f"dnsmasq-{namespace}.conf"
    size = ["cache-size=400", "dns-forward-max=400"]
    common = ["no-resolv", "no-hosts", "bind-interfaces", "user=root", f"pid-file={conf}.pid"]
    conf.write_text("\n".join([*common, *size, *lines]) + "\n")
    start(namespace, "dnsmasq", "-k", "-C", str(conf), limit_s=limit_s)

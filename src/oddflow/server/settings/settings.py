"""The settings of a service, as the TOML file has them; what is not known is refused."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from oddflow.errors import UsageError
from oddflow.server.settings.address import checked_address, checked_network, checked_url
from oddflow.verdicts.budget import DEFAULT_BUDGET, Budget

Days = Annotated[int, Field(ge=1, le=36_500)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
Address = Annotated[str, AfterValidator(checked_address)]
Network = Annotated[str, AfterValidator(checked_network)]
Url = Annotated[str, AfterValidator(checked_url)]
Brokers = Annotated[
    str, AfterValidator(lambda value: ",".join(map(checked_address, value.split(","))) if value else "")
]
Topic = Annotated[str, Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9._-]{0,200}$")]
KINDS: tuple[Literal["interface", "netflow", "follow", "folder", "stream"], ...] = (
    "interface", "netflow", "follow", "folder", "stream",
)  # fmt: skip
MOST_SOURCES = 32
SQLITE = "sqlite:///"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ServiceSection(_Section):
    """`[service]`: who this is, and where it keeps what it knows.

    Attributes:
        name: What this sensor is called, where several share a store.
        state: The folder of the store, the flows, the registry and what waits for receivers.
        user: The user to become once all sockets are open, where it is started as root.
    """

    name: Name = "sensor"
    state: Path = Path("/var/lib/oddflow")
    user: str = "oddflow"


class WebSection(_Section):
    """`[web]`: where pages and API are answered.

    Attributes:
        listen: HOST:PORT; [HOST]:PORT for IPv6.
        tls_certificate: A PEM file with the certificate and those that lead to its root; tls_key goes with it.
        tls_key: A PEM file with its private key.
        public_url: How people reach it, where a proxy stands before it; cookies are marked secure under https.
        trusted_proxies: Addresses whose X-Forwarded-For is believed.
        session_hours: After so long without a request people log in again.
        requests_per_s: What a person or token may ask in the long run, and four times that at once.
        allow_plain: Answer without TLS on an address that is not loopback.
    """

    listen: Address = "127.0.0.1:8470"
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    public_url: Url = ""
    trusted_proxies: list[Network] = []
    session_hours: Annotated[float, Field(gt=0, le=24 * 90)] = 12.0
    requests_per_s: Annotated[float, Field(ge=1, le=100_000)] = 50.0
    allow_plain: bool = False

    @model_validator(mode="after")
    def _both(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key go together; give both or neither")
        return self


class StoreSection(_Section):
    """`[store]`: alerts, incidents, feedback, accounts.

    Attributes:
        url: Like postgresql+psycopg://oddflow@db/oddflow; SQLite in the state folder where it is empty.
        password: That of the URL, which holds none itself: env:NAME or file:PATH.
        keep_alerts_days: Older alerts and incidents are deleted.
        keep_audit_days: Older entries of the audit trail are deleted.
        keep_measures_days: Older counts of each minute are deleted.
    """

    url: str = ""
    password: SecretStr | None = None
    keep_alerts_days: Days = 365
    keep_audit_days: Days = 730
    keep_measures_days: Days = 90


class FlowsSection(_Section):
    """`[flows]`: flow records in Parquet, an hour a partition.

    Attributes:
        keep_days: Older ones are deleted.
        keep_gib: Beyond so much, the oldest are deleted.
        payload: Whether the first bytes of flows are kept with them.
    """

    keep_days: Days = 30
    keep_gib: Annotated[float, Field(gt=0, le=1_000_000)] = 20.0
    payload: bool = True


class StreamSection(_Section):
    """`[stream]`: Kafka brokers between sensors that ship flows and replicas that judge them.

    Attributes:
        brokers: HOST:PORT, more after commas; needed where a source ships or reads a stream.
        partitions: Of each topic. So many replicas share the work at most; all sensors and replicas must say the same.
        security: How brokers are talked to.
        ca: A PEM file of the authorities whose certificates are believed; the system's unless given.
        certificate: A PEM file with our own certificate, where brokers ask for one; key goes with it.
        key: A PEM file with its private key.
        mechanism: How the user is proved under sasl_ssl.
        user: Under sasl_ssl.
        password: The user's: env:NAME or file:PATH.
        limit_mib: Of flows that wait on a sensor's disk while no broker answers; beyond, they are lost, and counted.
        checkpoints: A folder that all replicas of a topic see, with locks, like NFSv4; STATE/stream unless given.
        checkpoint_s: So often each replica writes down how far it came; what came since is judged again after a death.
        takeover_s: After so long without a sign a replica's partitions go to the others.
        silent_s: A sensor that sent nothing for so long holds nobody up.
    """

    brokers: Brokers = ""
    partitions: Annotated[int, Field(ge=1, le=1_024)] = 8
    security: Literal["plaintext", "ssl", "sasl_ssl"] = "plaintext"
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    user: str = ""
    password: SecretStr | None = None
    limit_mib: Annotated[float, Field(ge=1, le=65_536)] = 1_024.0
    checkpoints: Path | None = None
    checkpoint_s: Annotated[float, Field(ge=1, le=3_600)] = 30.0
    takeover_s: Annotated[float, Field(ge=6, le=300)] = 10.0
    silent_s: Annotated[float, Field(ge=5, le=3_600)] = 30.0

    @model_validator(mode="after")
    def _go_together(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key go together; give both or neither")
        if (self.security == "sasl_ssl") != bool(self.user and self.password):
            raise ValueError('user and password go with security = "sasl_ssl", and are needed there')
        return self


class SourceSection(_Section):
    """`[[sources]]`: where flows come from, and what judges them.

    Attributes:
        name: What it is called.
        interface: A network interface to listen on. A source has this, or one of the four below.
        netflow: HOST:PORT to listen on for NetFlow and IPFIX.
        follow: A log or capture that grows.
        folder: A folder that captures are put in.
        stream: A topic of [stream] that sensors ship flows to; replicas that read the same one share its partitions.
        ship: A topic that flows go to, to be judged by the replicas that read it, and not here; the model then only
            says how flows are cut.
        model: A sealed model's file, or a name of the registry; flows are only kept where there is none.
        budget: False alarms that are put up with, like 10/day, 2/hour or 1/week.
        false_alarm_rate: Instead, a share of normal flows, like 0.001.
        home_networks: Networks of yours, like 10.0.0.0/8; the model's, or the private ranges, unless given.
        payload: Whether bytes of flows are looked at and kept.
        pseudonymise: A key file that `oddflow keys new` made; hosts appear under pseudonyms.
        filter: Only packets of the interface that match are taken, like tcp port 443; see pcap-filter(7).
        promiscuous: Whether frames for other hosts are taken too.
        ring_mib: Memory of an interface's ring in the kernel.
        patience_s: Ended flows wait so long, to be judged in the order in which they ended.
        max_flows: Flows that are open at once; about 2 KB of memory each.
        max_groups: Groups of flows that are watched for what single flows do not show; 0 for none.
    """

    name: Name
    interface: str | None = None
    netflow: Address | None = None
    follow: Path | None = None
    folder: Path | None = None
    stream: Topic | None = None
    ship: Topic | None = None
    model: str = ""
    budget: str = DEFAULT_BUDGET
    false_alarm_rate: Annotated[float, Field(gt=0, lt=1)] | None = None
    home_networks: list[Network] = []
    payload: bool = True
    pseudonymise: Path | None = None
    filter: str = ""
    promiscuous: bool = False
    ring_mib: Annotated[int, Field(ge=1, le=4_096)] = 64
    patience_s: Annotated[float, Field(ge=0, le=3_600)] = 1.0
    max_flows: Annotated[int, Field(ge=16, le=4_194_304)] = 65_536
    max_groups: Annotated[int, Field(ge=0, le=16_777_216)] = 131_072

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = [name for name in KINDS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"name one of {', '.join(KINDS)}; {len(given)} are given")
        if self.ship is not None and self.stream is not None:
            raise ValueError("a source ships to a topic or reads one; leave ship or stream out")
        if self.ship is not None and self.pseudonymise is not None:
            raise ValueError("flows are shipped as they are: give pseudonymise to the replicas' source instead")
        try:
            self.wanted  # noqa: B018  (a wrong budget is told now)
        except UsageError as error:
            raise ValueError(str(error)) from None
        return self

    @property
    def kind(self) -> Literal["interface", "netflow", "follow", "folder", "stream"]:
        """Which of the five it is."""
        return next(name for name in KINDS if getattr(self, name) is not None)

    @property
    def where(self) -> str:
        """The interface, address, path or topic."""
        return str(getattr(self, self.kind))

    @property
    def wanted(self) -> Budget:
        """What is put up with.

        Raises:
            UsageError: The budget is none.
        """
        return Budget.parse(self.budget) if self.false_alarm_rate is None else Budget.of_share(self.false_alarm_rate)


class OutputSection(_Section):
    """`[[outputs]]`: who is told of alerts and incidents.

    Attributes:
        to: A receiver's URL, as `oddflow send --to` takes it: syslog+tls://host:6514?format=cef,
            https://host/hook#secret=env:NAME, smtp://user@host?from=A&to=B&password=file:PATH, kafka://host:9092/topic,
            file:/var/log/oddflow/alerts.eve?format=eve.
        limit_mib: What may wait for it; beyond that, what comes is turned away and counted.
    """

    to: str
    limit_mib: Annotated[float, Field(ge=0.0625, le=65_536)] = 256.0


class EnrichmentSection(_Section):
    """`[enrichment]`: what is known of addresses besides.

    Attributes:
        intelligence: Folders of lists of addresses, networks and names that are known to be bad.
        geoip: A MaxMind DB file of countries or networks.
    """

    intelligence: list[Path] = []
    geoip: Path | None = None


class ModelsSection(_Section):
    """`[models]`: whose models are used.

    Attributes:
        registry: Its folder; STATE/models unless given.
        trust: Public keys, or folders of them; where one is named, only models that it signed are taken.
    """

    registry: Path | None = None
    trust: list[Path] = []


class UploadsSection(_Section):
    """`[uploads]`: captures that people send to be judged.

    Attributes:
        most_mib: The largest capture that is taken.
        most_seconds: The time that the process that judges one may take.
        most_memory_mib: The memory that it may take.
        keep_days: Older verdicts are deleted; a capture is deleted once it is judged.
    """

    most_mib: Annotated[int, Field(ge=1, le=65_536)] = 256
    most_seconds: Annotated[int, Field(ge=1, le=3_600)] = 120
    most_memory_mib: Annotated[int, Field(ge=256, le=65_536)] = 2_048
    keep_days: Days = 7


class LogSection(_Section):
    """`[log]`: what the service says of itself, on standard error: the platform keeps it and turns it over.

    Attributes:
        level: The least that is said.
        format: Lines for people, or a JSON object a line for machines.
    """

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = "text"


class Settings(_Section):
    """The whole file."""

    service: ServiceSection = ServiceSection()
    web: WebSection = WebSection()
    store: StoreSection = StoreSection()
    flows: FlowsSection = FlowsSection()
    stream: StreamSection = StreamSection()
    sources: Annotated[list[SourceSection], Field(max_length=MOST_SOURCES)] = []
    outputs: Annotated[list[OutputSection], Field(max_length=32)] = []
    enrichment: EnrichmentSection = EnrichmentSection()
    models: ModelsSection = ModelsSection()
    uploads: UploadsSection = UploadsSection()
    log: LogSection = LogSection()

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [source.name for source in self.sources]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two sources are called {twice[0]}; give each its own name")
        streams = [source.name for source in self.sources if source.stream or source.ship]
        if streams and not self.stream.brokers:
            raise ValueError(f"source {streams[0]} needs [stream] brokers, like kafka1:9092,kafka2:9092")
        return self

    @property
    def store_url(self) -> str:
        """Where the store is."""
        return self.store.url or f"{SQLITE}{self.service.state / 'store.db'}"

    @property
    def store_file(self) -> Path | None:
        """The file of the store; None where it is no file."""
        return Path(self.store_url.removeprefix(SQLITE)) if self.store_url.startswith(SQLITE) else None

    @property
    def flows_folder(self) -> Path:
        """Where flows are kept: FOLDER/SOURCE/…"""
        return self.service.state / "flows"

    @property
    def checkpoints_folder(self) -> Path:
        """Where replicas of streams write down how far they came."""
        return self.stream.checkpoints or self.service.state / "stream"

    @property
    def registry_folder(self) -> Path:
        """Where models are kept."""
        return self.models.registry or self.service.state / "models"

    @property
    def uploads_folder(self) -> Path:
        """Where captures that people send wait, and their verdicts."""
        return self.service.state / "uploads"

    @property
    def comparisons_folder(self) -> Path:
        """Where models are compared, while they are."""
        return self.service.state / "comparisons"

    @property
    def spool_folder(self) -> Path:
        """Where alerts wait for the store and for receivers."""
        return self.service.state / "spool"

"""The doorkeeper: log-ins, sessions, tokens and limits of one service."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from anyio import CapacityLimiter
from starlette.applications import Starlette

from oddflow.server.access.identity import Identity
from oddflow.server.access.limits import Failures, RateLimiter, network_of
from oddflow.server.access.passwords import Passwords
from oddflow.server.access.secret import digest
from oddflow.server.settings.settings import Settings
from oddflow.server.store.accounts import Account
from oddflow.server.store.store import Store
from oddflow.server.store.tokens import PREFIX

OUTSIDERS_PER_S, OUTSIDERS_BURST = 5.0, 60.0
LOG_INS_PER_S, LOG_INS_BURST = 1.0 / 6.0, 20.0
AT_ONCE = 2
"""Passwords that are hashed at the same time."""
BURST_S = 4.0
LONGEST_SESSION_S = 14 * 86_400.0


@dataclass(frozen=True, slots=True)
class LogIn:
    """How a log-in ended.

    Attributes:
        account: Whose it was; None where it failed.
        wait_s: How long no further try is looked at.
    """

    account: Account | None
    wait_s: float = 0.0


class Access:
    """Who may come in; `app.state.access`.

    Args:
        store: Of accounts, sessions and tokens.
        settings: Of the service.
        clock: Seconds since 1970.
        passwords: How they are hashed.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        *,
        clock: Callable[[], float] = time.time,
        passwords: Passwords | None = None,
    ) -> None:
        self.store = store
        self.clock = clock
        self.passwords = passwords or Passwords()
        self.idle_s = settings.web.session_hours * 3_600.0
        self.longest_s = max(LONGEST_SESSION_S, self.idle_s)
        per_s = settings.web.requests_per_s
        self._known = RateLimiter(per_s, per_s * BURST_S, clock=clock)
        self._outsiders = RateLimiter(OUTSIDERS_PER_S, OUTSIDERS_BURST, clock=clock)
        self._log_ins = RateLimiter(LOG_INS_PER_S, LOG_INS_BURST, clock=clock)
        self.hashing = CapacityLimiter(AT_ONCE)
        self._unknown = Failures()
        self._browsers = Failures()

    def wait_s(self, who: Identity | None, address: str) -> float:
        """Counts a request; how long to wait where there were too many, else 0."""
        if who is None:
            return self._outsiders.wait_s(network_of(address))
        return self._known.wait_s(f"token {who.token_id}" if who.token_id is not None else f"account {who.user_id}")

    def log_in_wait_s(self, address: str) -> float:
        """Counts a log-in; how long an address must wait where it tried too often, else 0."""
        return self._log_ins.wait_s(network_of(address))

    def log_in(self, name: str, password: str, *, browser: str = "") -> LogIn:
        """Looks at a name and a password; the same is done for names that no account has.

        A browser in which the account was logged in before has tries of its own: whoever fails elsewhere, however
        often, does not lock its owner out.

        Args:
            name: As it was typed.
            password: As it was typed.
            browser: The secret of the browser's own cookie.
        """
        now_s = self.clock()
        account = self.store.accounts.by_name(name.strip())
        known_browser = account is not None and self.store.browsers.known(account.id, browser, now_s=now_s)
        key = f"{digest(browser)} {account.id}" if account and known_browser else name.strip().lower()[:64]
        failures = self._browsers if known_browser else self._unknown
        tries = account.tries if account is not None and not known_browser else failures.of(key)
        if tries.locked_until_s > now_s:
            return LogIn(None, tries.locked_until_s - now_s)
        right = self.passwords.right(account.password_hash if account else "", password)
        if account is not None and right and not account.disabled:
            failures.forget(key)
            self._renew_hash(account, password)
            self.store.accounts.logged_in(account.id, now_s)
            return LogIn(account)
        if account is not None and not known_browser:
            self.store.accounts.failed(account.id, now_s)
        else:
            failures.add(key, now_s)
        return LogIn(None)

    def enter(self, account: Account, *, old: str, browser: str, ip: str, agent: str) -> tuple[str, str]:
        """A new session for somebody who proved who he is; its secret, and that of the browser's own cookie.

        Args:
            account: Whose.
            old: The secret of the session that the browser had; it ends.
            browser: The secret of the browser's own cookie.
            ip: From where.
            agent: What the browser says it is.
        """
        now_s, store = self.clock(), self.store
        with store.transaction():
            if old:
                store.sessions.end_by_secret(old)
            expires_s = now_s + self.longest_s
            secret = store.sessions.begin(account.id, expires_s=expires_s, ip=ip, agent=agent, now_s=now_s)
            if not store.browsers.known(account.id, browser, now_s=now_s):
                browser = store.browsers.add(account.id, now_s=now_s)
        return secret, browser

    def by_session(self, secret: str, *, by_person: bool = True) -> Identity | None:
        """Who is logged in with a cookie; the session lasts longer where a person did something."""
        now_s = self.clock()
        session = self.store.sessions.find(secret, idle_s=self.idle_s, now_s=now_s, by_person=by_person)
        if session is None:
            return None
        return Identity(
            session.user_id,
            session.name,
            session.role,
            csrf=session.csrf,
            must_change=session.must_change,
            session=session.id,
        )

    def by_token(self, secret: str) -> Identity | None:
        """Whom a token stands for."""
        if not secret.startswith(PREFIX):
            return None
        token = self.store.tokens.find(secret, now_s=self.clock())
        if token is None:
            return None
        return Identity(token.user_id, token.owner, token.role, via="token", token_id=token.id, scopes=token.scopes)

    def _renew_hash(self, account: Account, password: str) -> None:
        if self.passwords.outdated(account.password_hash):
            self.store.accounts.rehash(account.id, account.password_hash, self.passwords.hashed(password))


def access_of(app: Starlette) -> Access:
    """The doorkeeper of an application, made at its first request."""
    made: Access | None = getattr(app.state, "access", None)
    if made is None:
        service = app.state.service
        made = app.state.access = Access(service.store, service.settings)
    return made

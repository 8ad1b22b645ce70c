"""No statement of any service that returns a person's data is reached without somebody named and a trace.

Every statement that returns rows of a personal table is followed up through the calls of its package, read from the
source. Each way up has to meet a function that leaves a trace; what meets none is in ``EXCUSED``, with the reason.
A new statement, table or caller that is not thought of fails here.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

import pytest

import socle
from socle.app import MIGRATED_PACKAGES

ROOT = Path(socle.__file__).parent
SERVICES = sorted(path for path in (ROOT / "services").iterdir() if path.is_dir() and not path.name.startswith("_"))

#: Tables that hold nothing about a citizen: public directory, software, keys, queues without content.
IMPERSONAL = re.compile(
    r"directory_\w+|mss_(whitelist|peer_certificate|api_key|notice|accepted)|identity_(client|signing_key|seen_assertion"
    r"|card_pin)|switch\w*|used_token|key_ring|audit_\w+|dmp_locator"
)
#: Calls that leave a trace, or that go through the DMP's use cases, each of which does.
TRACING = {
    "record",
    "record_alone",
    "trace",
    "trace_alone",
    "_trace",
    "trace_of",
    "add_traces",
    "attempt",
    "log_access",
}


class Package:
    """The functions of one service, what they call, and its statements."""

    def __init__(self, folder: Path) -> None:
        self.name = folder.name
        self.functions: dict[str, ast.AST] = {}
        self.names: dict[str, set[str]] = {}
        self.statements: dict[str, str] = {}
        for file in folder.glob("*.sql"):
            for match in re.finditer(r"^-- name: (\w+)\n(.*?)(?=^-- name: |\Z)", file.read_text(), re.M | re.S):
                self.statements[match[1]] = re.sub(r"--.*", "", match[2])
        for file in folder.glob("*.py"):
            for scope, function in _functions(ast.parse(file.read_text())):
                self.functions[f"{file.stem}.{scope}"] = function
                self.names[f"{file.stem}.{scope}"] = _names(function)
        self.callers_of: dict[str, set[str]] = defaultdict(set)
        for key, names in self.names.items():
            for name in names:
                self.callers_of[name].add(key)
        self.traced = self._traced()

    def _traced(self) -> set[str]:
        """Functions that leave a trace, or call one of a name of its own in the package that does."""
        by_short = defaultdict(list)
        for key in self.functions:
            by_short[key.rpartition(".")[2]].append(key)
        traced = {key for key, names in self.names.items() if names & (TRACING | {"_dmp", "dmp"})}
        while True:
            own = {short for short, keys in by_short.items() if len(keys) == 1 and keys[0] in traced}
            more = {key for key, names in self.names.items() if names & own} - traced
            if not more:
                return traced
            traced |= more

    def callers(self, key: str) -> set[str]:
        short = key.rpartition(".")[2]
        return self.callers_of.get(short, set()) - {key}

    def untraced(self, users: set[str]) -> set[str]:
        """The outermost functions by which one of ``users`` is reached without a trace."""
        seen: set[str] = set()
        waiting, outermost = set(users), set()
        while waiting:
            key = waiting.pop()
            seen.add(key)
            if key in self.traced:
                continue
            above = self.callers(key)
            if not above:
                outermost.add(key)
            waiting |= above - seen
        return outermost

    def personal(self) -> dict[str, str]:
        """Statements that return rows of a personal table."""
        kept = {}
        for name, sql in self.statements.items():
            tables = set(re.findall(r"(?:FROM|JOIN|INTO|UPDATE)\s+([a-z]+_\w+)", sql))
            returns = sql.lstrip().startswith(("SELECT", "WITH")) or "RETURNING" in sql
            if returns and any(not IMPERSONAL.fullmatch(table) for table in tables):
                kept[name] = sql
        return kept

    def users(self, statement: str) -> set[str]:
        return {
            key
            for key, function in self.functions.items()
            if any(isinstance(node, ast.Constant) and node.value == statement for node in ast.walk(function))
        }


def _functions(tree: ast.AST, prefix: str = "") -> list[tuple[str, ast.AST]]:
    found = []
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef):
            found += _functions(node, f"{node.name}.")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.append((prefix + node.name, node))
    return found


def _names(function: ast.AST) -> set[str]:
    names = {node.attr for node in ast.walk(function) if isinstance(node, ast.Attribute)}
    return names | {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}


#: Where a person reads what is their own: the key of what they proved to be theirs. Opening it left the trace.
OWN_KEYS = {
    "mssante": {"mailbox_key", "mailbox", "address", "keys", "person_id"},
    "identity": {"cookie_sha256", "id", "session", "subject", "code_sha256", "refresh_sha256", "account", "login",
                 "credential_id", "upstream_sub", "sha256", "old_sha256", "ins"},
}  # fmt: skip

#: Statements that some way reaches without a trace, and why that is right.
EXCUSED = {
    "delivery": {
        "find_targets": "states of one's own deliveries; the act itself was traced",
        "forget_acts": "deletes; returns how many",
    },
    "dmp": {
        "referenced_addresses": "addresses of objects alone",
        "list_contents": "addresses and hashes, to verify the vault; metadata is read for its hash alone",
        "list_to_index": "uniqueIds alone; reading the documents to index them is traced",
        **{
            f"take_{table}": "moved by a merge, which is traced on both chains"
            for table in ("entries", "sets", "folders", "associations")
        },
    },
    "ins": {
        "find_person": "the sweep and the lots of verification: the base compares, and shows nobody",
        "find_former": "same",
        "find_holder": "same",
        "find_identity": "same",
        "search_identities": "who bears the traits of a login: gives an INS to the person who just proved the traits",
        "identities_to_verify": "keys of identities to verify again",
        "count_identities": "a number",
        "find_batch": "the state of a lot",
        "lock_batch": "same",
        "take_vitale_context": "the context of a simulated card, once",
    },
    "mssante": {
        "list_mailboxes": "the operator's list of boxes, by address",
        "count_mailboxes": "numbers",
        "count_traces": "numbers",
        "count_cda_codes": "numbers",
        "count_products": "numbers",
        "count_failures": "numbers",
        "last_connections": "the operator's indicators, by box",
        "list_objects": "addresses of objects alone",
        "is_object_used": "yes or no",
        "list_traces": "the operator's traces of mail",
        "list_quarantine": "the operator's list of infected messages, without content",
        "forget_quarantine": "deletes; returns addresses of objects",
        "next_due": "a time",
        "take_uids": "numbers",
        "find_contacts": "whom one's own box wrote to",
        "list_exchanges": "whom one's own box may write to",
    },
    "identity": {
        "poll_challenge": "the state of one's own login, by a secret",
        "consume_challenge": "same",
        "list_challenges": "what waits on one's own telephone",
        "count_challenges": "a number",
        "answer_challenge": "one's own answer",
        "search_personas": "fictitious people of the sandbox",
        "find_persona": "same",
        "list_accounts": "operators",
    },
}


@pytest.mark.parametrize("folder", SERVICES, ids=lambda folder: folder.name)
def test_each_statement_on_persons_is_traced_or_reads_ones_own_or_is_excused(folder):
    package = Package(folder)
    own = OWN_KEYS.get(package.name, set())
    excused = EXCUSED.get(package.name, {})
    loose = {}
    for name, sql in package.personal().items():
        users = package.users(name)
        found = package.untraced(users) if users else {"(nobody)"}
        named = set(re.findall(r"(?<![:\w]):([a-z_][a-z0-9_]*)", sql))
        if found and not named & own and name not in excused:
            loose[name] = sorted(found)[:5]
    assert loose == {}
    assert excused.keys() <= package.personal().keys()


def test_every_package_with_tables_is_a_service_or_the_platform():
    own = {f"socle.services.{folder.name}" for folder in SERVICES}
    assert set(MIGRATED_PACKAGES) - own == {"socle.platform", "socle.sandbox"}


def test_nobody_but_services_and_the_platform_runs_sql():
    for path in ROOT.rglob("*.py"):
        if path.relative_to(ROOT).parts[0] in {"portals", "cli", "client", "standards"}:
            text = path.read_text()
            assert not re.search(r"\.fetch(row|val)\(|connection\.fetch\(|QUERIES\[|\bQueries\(", text), path

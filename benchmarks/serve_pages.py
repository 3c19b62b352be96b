"""How long each list and page of a running service takes to answer, asked as a program asks.

    python benchmarks/serve_pages.py http://127.0.0.1:8470 --token oddflow_… --times 10

Prints the median and the slowest of each, in milliseconds; exits with 1 where a median is above the limit.
"""

import argparse
import statistics
import sys
import time

import httpx

API = "/api/v1"
ASKED = (
    "incidents", "incidents?state=active&order=gravest", "alerts", "alerts?order=score", "alerts?text=dns", "notices",
    "notices/current", "measures?step_s=60", "models", "sources", "status", "health", "feedback/rules", "uploads",
    "flows", "flows?q=dst_port = 53 last 2h", "flows/usage", "hosts", "hosts?order=alerts",
)  # fmt: skip
PAGES = ("/metrics",)


def main() -> int:
    """Asks each so many times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address")
    parser.add_argument("--token", required=True)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--limit-ms", type=float, default=300.0)
    given = parser.parse_args()
    slow = 0
    with httpx.Client(base_url=given.address, headers={"Authorization": f"Bearer {given.token}"}, timeout=30) as client:
        for path in (*(f"{API}/{path}" for path in (*ASKED, *_single(client))), *PAGES):
            took_ms = []
            for _ in range(given.times):
                began = time.perf_counter()
                answer = client.get(path)
                took_ms.append(1_000 * (time.perf_counter() - began))
            median = statistics.median(took_ms)
            slow += median > given.limit_ms
            print(f"{median:8.1f} {max(took_ms):8.1f}  {answer.status_code}  {len(answer.content):9,}  {path}")
    return int(slow > 0)


def _single(client: httpx.Client) -> list[str]:
    """One of each, of those that there are."""
    found = []
    for noun, key in (("incidents", "id"), ("alerts", "id"), ("hosts", "host"), ("models", "name")):
        items = client.get(f"{API}/{noun}", params={"limit": 1} if noun != "models" else {}).json()["items"]
        found += [f"{noun}/{item[key]}" for item in items[:1]]
        found += [f"explanations/{item['id']}" for item in items[:1] if noun == "alerts"]
    return found


if __name__ == "__main__":
    sys.exit(main())

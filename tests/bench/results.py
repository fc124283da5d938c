"""How the benches in Python print: a line for each result, or an object a line."""
import json


def say(results, as_json):
    for result in results:
        text = json.dumps(result) if as_json else ", ".join(f"{k} {v}" for k, v in result.items())
        print(text, flush=True)

"""Cases that run one after the other on one device, and what came of them."""

import time
import traceback

from machine import MachineError


def run_case(case, *arguments):
    """Whether it passed; says so, and why not."""
    started = time.monotonic()
    try:
        case(*arguments)
    except (MachineError, OSError) as error:
        print(f"FAILED {case.__name__}: {error}", flush=True)
        if not isinstance(error, MachineError):
            traceback.print_exc()
        return False
    print(f"ok {case.__name__} ({time.monotonic() - started:.0f} s)", flush=True)
    return True


def run_cases(cases, needed, words, arguments):
    """(passed, failed) of the case without which there is nothing to look at, and of those whose name has a word."""
    passed = failed = 0
    for case in cases:
        is_needed = case is needed
        if words and not is_needed and not any(word in case.__name__ for word in words):
            continue
        if run_case(case, *arguments):
            passed += 1
            continue
        failed += 1
        if is_needed:
            break
    return passed, failed

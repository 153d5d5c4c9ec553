# Planted defects in authentication, rate limits, preconditions and webhooks: at least 90 % of each area are caught by the tests,
# and docs/mutants.md has a reason for each of the others. FILES, SAMPLE and SECONDS_EACH: see tests/mutants/run.py. Not part of
# ./tests/run without arguments.
if ! "$tools/bin/cargo-mutants" --version >/dev/null 2>&1; then
  cargo install --quiet --locked --root "$tools" cargo-mutants
fi
export PATH=$tools/bin:$PATH
python3 tests/mutants/run.py example
python3 tests/mutants/run.py all

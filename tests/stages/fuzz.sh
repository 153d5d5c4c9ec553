# The fuzz targets with generated input. FUZZ_SECONDS is the duration of each target.
FUZZ_SECONDS=${FUZZ_SECONDS:-60} cargo test --quiet --test fuzz -- --nocapture | grep inputs

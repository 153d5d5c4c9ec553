# Signed Stripe webhooks: 99 % of them are acknowledged within LIMIT milliseconds at RATE events per second for SECONDS_EACH
# seconds, and EVENTS events that are sent up to five times while the server is killed KILLS times have one effect each.
build
# A trusted proxy is exempt from the limit of 32 concurrent bodies per client address.
export TENON_RATE_LIMITS=off TENON_TRUSTED_PROXIES=127.0.0.1 PYTHONPATH=tests/crash_recovery
export STRIPE_SECRET=whsec_of_the_stage_webhook_effects
export TENON_WEBHOOKS_STRIPE_SECRETS=$STRIPE_SECRET
account admin "$work/webhook-effects"
python3 tests/drills/webhook_effects.py "$tenon" "$work/webhook-effects" admin@acme.test "$password" "${RATE:-500}" \
  "${SECONDS_EACH:-20}" "${LIMIT:-50}" "${EVENTS:-10000}" "${KILLS:-100}"

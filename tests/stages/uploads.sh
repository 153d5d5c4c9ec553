# The service is killed in the middle of uploads.
build
uploads=$work/uploads
account author "$uploads"
TENON_RATE_LIMITS=off python3 tests/uploads/killed.py "$tenon" "$uploads" author@acme.test "$password" "${KILLS:-20}"

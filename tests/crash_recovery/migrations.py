"""Kills `tenon migrate up` and `tenon migrate down` at random points. Afterwards the schema is that of a complete step, the
next `migrate up` succeeds, and the database is consistent. Most kills must hit a transaction, else the test has no effect.
Arguments: TENON FOLDER URL KILLS MIB; the URL `sqlite` is a database in the folder. With a MIB above 0, the database has
posts of this size, and no migration that is reverted deletes them."""
import contextlib
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time

tenon, folder, url, kills, mib = *sys.argv[1:4], int(sys.argv[4]), int(sys.argv[5])
random.seed(7)

# The number of posts, so that a migration takes a while. With a size, each has about 4 KiB.
POSTS = mib * 256 or 4000
# The migrations that create the accounts and the posts are the first ones.
RETAINED = 2 if mib else 0
FILL = """
INSERT INTO users (id, name, role, status, version, created_at, updated_at)
    SELECT {user}, 'Ada', 'author', 'active', 1, 0, 0 WHERE NOT EXISTS (SELECT 1 FROM users);
INSERT INTO tags (id, name, slug, listed_without_posts, version, created_at, updated_at)
    SELECT {user}, 'oak', 'oak', 1, 1, 0, 0 WHERE NOT EXISTS (SELECT 1 FROM tags);
INSERT INTO posts (id, slug, title, content, author_id, published_at, comments_count, search, version, created_at, updated_at)
    SELECT {id}, 'post-' || n, 'Post ' || n, {content}, {user}, n, 0, '', 1, n, n
    FROM {numbers} WHERE NOT EXISTS (SELECT 1 FROM posts);
INSERT INTO post_tags (post_id, tag_id, position) SELECT posts.id, {user}, 0 FROM posts
    WHERE NOT EXISTS (SELECT 1 FROM post_tags);
"""


class Sqlite:
    path = os.path.join(folder, "tenon.db")

    def query(self, sql):
        with contextlib.closing(sqlite3.connect(self.path)) as database:
            return database.execute(sql).fetchall()

    def schema(self):
        return self.query("SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite%' ORDER BY 1, 2")

    def fill(self):
        numbers = f"(WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < {POSTS}) SELECT n FROM r)"
        values = {"user": "x'0199a000000070008000000000000000'", "numbers": numbers}
        values["content"] = "hex(randomblob(1800))" if mib else "'A tree that is older than its village.'"
        values["id"] = "CAST('0199a00' || substr('000000000' || n, -9) AS BLOB)"
        with contextlib.closing(sqlite3.connect(self.path)) as database:
            database.executescript(FILL.format(**values))

    def is_consistent(self):
        return self.query("PRAGMA integrity_check") == [("ok",)] and not self.query("PRAGMA foreign_key_check")

    def is_in_transaction(self, pid):
        # The write lock of the log, or the exclusive lock of the file.
        with open("/proc/locks", encoding="ascii") as locks:
            held = [line.split() for line in locks]
        return any(lock[3] == "WRITE" and lock[4] == str(pid) and (lock[6] == "120" or int(lock[6]) > 1 << 30)
                   for lock in held if lock[1] == "POSIX" and lock[6].isdigit())

    def wait_until_closed(self):
        pass


class Postgres:
    def query(self, sql):
        done = subprocess.run(["psql", "-XqtA", "-v", "ON_ERROR_STOP=1", url, "-c", sql], capture_output=True, text=True)
        if done.returncode:
            sys.exit(done.stderr)
        return [tuple(line.split("|")) for line in done.stdout.splitlines()]

    def schema(self):
        schema = "'public'::regnamespace"
        return self.query(f"""
            SELECT 'column', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull
                FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
                WHERE c.relnamespace = {schema} AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
            UNION ALL SELECT 'index', indexname, indexdef, '', true FROM pg_indexes WHERE schemaname = 'public'
            UNION ALL SELECT 'constraint', conname, pg_get_constraintdef(oid), '', true FROM pg_constraint
                WHERE connamespace = {schema} AND contype <> 'n'
            UNION ALL SELECT 'trigger', tgname, pg_get_triggerdef(oid), '', true FROM pg_trigger WHERE NOT tgisinternal
            UNION ALL SELECT 'function', proname, prosrc, '', true FROM pg_proc WHERE pronamespace = {schema}
            ORDER BY 1, 2, 3""")

    def fill(self):
        uuid = "('0199a000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid"
        hashes = "(SELECT string_agg(md5(n || ' ' || k), '') FROM generate_series(1, 112) AS k)"
        self.query(FILL.format(content=hashes if mib else "'A tree that is older than its village.'", user="'0199a000-0000-7000-8000-000000000000'::uuid", id=uuid,
                               numbers=f"generate_series(1, {POSTS}) AS r(n)"))

    def is_consistent(self):
        # PostgreSQL has no such check. Constraints hold, and each table can be read.
        tables = self.query("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")
        return all(self.query(f'SELECT COUNT(*) FROM "{table}"') for (table,) in tables)

    def others(self, condition):
        return int(self.query(f"""SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database()
            AND pid <> pg_backend_pid() AND {condition}""")[0][0])

    def is_in_transaction(self, _):
        return self.others("backend_xid IS NOT NULL") > 0

    def wait_until_closed(self):
        # The server notices the end of a client when its statement has ended.
        while self.others("backend_type = 'client backend'"):
            time.sleep(0.02)


database = Sqlite() if url == "sqlite" else Postgres()
options = ["--data-dir", folder] + ([] if url == "sqlite" else ["--database-url", url])


def start(*arguments):
    return subprocess.Popen([tenon, "migrate", *arguments, *options], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def migrate(*arguments):
    process = start(*arguments)
    _, errors = process.communicate()
    if process.returncode:
        sys.exit(f"migrate {' '.join(arguments)}: {errors.decode()}")


def applied():
    return [row[0] for row in database.query("SELECT version FROM seaql_migrations ORDER BY version")]


def timed(*arguments):
    begin = time.monotonic()
    migrate(*arguments)
    return time.monotonic() - begin


# The schema after each number of migrations.
migrate("up")
steps = len(applied())
schemas = {steps: database.schema()}
for count in reversed(range(steps)):
    migrate("down", "--yes")
    schemas[count] = database.schema()
if url == "sqlite":
    shutil.rmtree(folder)
    os.mkdir(folder)
migrate("up")
database.fill()
# The times of each step, the last migration first, and of all of them.
start_time = timed("status")
parts = [max(0.0, timed("down", "--yes") - start_time) for _ in range(steps - RETAINED)]
durations = {"up": timed("up")}
database.fill()
durations["down"] = timed("down", "--steps", str(steps - RETAINED), "--yes")
migrate("up")
database.fill()


# The duration of the check that precedes each kill.
begin = time.monotonic()
database.is_in_transaction(0)
check_time = time.monotonic() - begin


def expected_duration(kind, count):
    return start_time + (durations[kind] - start_time) * sum(parts[:count]) / sum(parts)


in_transaction, complete = 0, 0
for kill in range(kills):
    count = random.randint(1, steps - RETAINED)
    arguments = ["down", "--steps", str(count), "--yes"] if kill % 2 else ["up"]
    if arguments == ["up"]:
        migrate("down", "--steps", str(count), "--yes")
    before = len(applied())
    process = start(*arguments)
    time.sleep(max(0.0, random.uniform(0, 1.1 * expected_duration(arguments[0], count)) - check_time))
    in_transaction += database.is_in_transaction(process.pid)
    process.kill()
    process.communicate()
    database.wait_until_closed()
    after = len(applied())
    complete += before != after
    if after not in (before, steps if arguments == ["up"] else before - count):
        sys.exit(f"kill {kill}: {before} migrations before {' '.join(arguments)}, {after} afterwards")
    if database.schema() != schemas[after]:
        sys.exit(f"kill {kill}: the schema is not that of {after} migrations")
    if not database.is_consistent():
        sys.exit(f"kill {kill}: the database is damaged")
    migrate("up")
    if database.schema() != schemas[steps] or not database.is_consistent():
        sys.exit(f"kill {kill}: the schema after `migrate up` is not that of {steps} migrations")
    database.fill()
if in_transaction * 4 < kills:
    sys.exit(f"only {in_transaction} of {kills} kills hit a transaction: the test has no effect")
name = "SQLite" if url == "sqlite" else "PostgreSQL"
size = f"a database of {mib} MiB, migrated in {durations['up']:.1f} s" if mib else "a small database"
print(f"{name}, {size}: {kills} kills over {steps} migrations, {in_transaction} in a transaction, {complete} after its commit; "
      f"each schema is that of a complete step")

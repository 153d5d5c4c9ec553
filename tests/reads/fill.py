#!/usr/bin/env python3
"""Fills a database with published posts and tags.

    fill.py DATABASE POSTS
"""
import sqlite3
import sys
import uuid

database, count = sys.argv[1], int(sys.argv[2])
NOW = 1_795_251_600_000
WORDS = "tenon mortise joint oak plane chisel grain shoulder cheek dovetail glue clamp bench square".split()


def insert(table, rows):
    """Inserts rows with the same columns."""
    names = list(rows[0])
    sql = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
    connection.executemany(sql, [tuple(row.values()) for row in rows])


connection = sqlite3.connect(database)
connection.execute("PRAGMA synchronous = OFF")
[author] = connection.execute("SELECT id FROM users WHERE email = 'author@acme.test'").fetchone()
tags = [uuid.UUID(int=number + 1).bytes for number in range(20)]
insert("tags", [
    {"id": tag, "slug": f"tag-{number}", "name": f"Tag {number}", "listed_without_posts": 1, "version": 1,
     "created_at": NOW, "updated_at": NOW}
    for number, tag in enumerate(tags)
])
for start in range(0, count, 10_000):
    posts, tagged = [], []
    for number in range(start, min(start + 10_000, count)):
        post = uuid.UUID(int=(NOW << 80) | (7 << 76) | (2 << 62) | number).bytes
        words = " ".join(WORDS[(number * 7 + step * step) % len(WORDS)] for step in range(40))
        title = f"{words[:40]} {number}"
        posts.append({
            "id": post, "slug": f"post-{number}", "title": title, "author_id": author, "published_at": NOW - number,
            "comments_count": 0, "search": f"{title} {words} {words}", "version": 1, "created_at": NOW - number,
            "updated_at": NOW - number, "content": words,
        })
        tagged += [{"post_id": post, "tag_id": tags[(number + step) % 20], "position": step} for step in range(2)]
    insert("posts", posts)
    insert("post_tags", tagged)
connection.commit()
connection.execute("PRAGMA optimize")
connection.close()
print(f"{count} posts, {len(tags)} tags")

-- Rows of the schema of migration 000013, for both databases.
INSERT INTO users (id, email, name, bio, url, avatar_url, role, status, password_hash, source, version, created_at, updated_at) VALUES
(uuid '01a227b2-2ae7-76eb-9541-19e0a62f5b65', 'ada@acme.test', 'Ada Turner', NULL, NULL, NULL, 'admin', 'active', '$argon2id$v=19$m=19456,t=2,p=1$4mXH/IK4izzXHUvYfEMaKw$qKuaKVFCD5fskLdHVizQflMHMQqVcIN/iRQbtZGly8A', NULL, 1, 1795184717543, 1795184717543),
(uuid '01a227b2-2bff-75e9-bf1b-965a0fb7b675', NULL, 'Unknown author', NULL, NULL, NULL, 'author', 'active', NULL, 'author:Unknown author', 1, 1795184717823, 1795184717823),
(uuid '01a227b2-2e12-7542-b7e5-f9e87d989b0b', 'bob@acme.test', 'Bob Reed', NULL, NULL, NULL, 'author', 'active', '$argon2id$v=19$m=19456,t=2,p=1$0oBnT/XWHyyS+b7QTUO1Zg$oHZhcs4GDL12S3479poZU5NwW16aq1B25tr7CxfwP7Y', NULL, 1, 1795184718354, 1795184718354);
INSERT INTO tags (id, slug, name, description, listed_without_posts, version, created_at, updated_at) VALUES
(uuid '01a227b2-2c01-7624-abd6-d5bbe9cb304f', 'trees', 'trees', NULL, 0, 1, 1795184717824, 1795184717824),
(uuid '01a227b2-2e1c-7692-8e07-4d89c63acc82', 'joints', 'joints', NULL, 0, 1, 1795184718362, 1795184718362);
INSERT INTO posts (id, slug, title, excerpt, cover_image, author_id, published_at, publish_at, unpublish_at, comments_count, search, source, version, created_at, updated_at, deleted_at, content) VALUES
(uuid '01a227b2-2c00-725c-9175-2e42a8244883', 'oak', 'Oak', 'A tree that is older than its village.', NULL, uuid '01a227b2-2bff-75e9-bf1b-965a0fb7b675', 1704067200000, NULL, NULL, 0, 'oak a tree that is older than its village.', 'oak.md', 1, 1704067200000, 1704067200000, NULL, 'A tree that is older than its village.
'),
(uuid '01a227b2-2e1b-77b0-af11-b493fa917326', 'cutting-dovetails', 'Cutting dovetails', NULL, NULL, uuid '01a227b2-2ae7-76eb-9541-19e0a62f5b65', 1795184718362, NULL, NULL, 1, 'cutting dovetails ', NULL, 2, 1795184718362, 1795184718371, NULL, 'Cut the *tails* first.'),
(uuid '01a227b2-2e36-742a-ac4d-06eec0fd4e68', 'deleted', 'Deleted', NULL, NULL, uuid '01a227b2-2ae7-76eb-9541-19e0a62f5b65', 0, NULL, NULL, 0, 'deleted ', NULL, 1, 1795184718390, 1795184718390, NULL, 'In the trash.'),
(uuid '01a227b2-2e3d-7068-81f8-0af0709fb710', 'trash', 'Trash', NULL, NULL, uuid '01a227b2-2ae7-76eb-9541-19e0a62f5b65', 0, NULL, NULL, 0, 'trash ', NULL, 2, 1795184718397, 1795184718397, 1795184718404, 'To be deleted.');
INSERT INTO post_slugs (slug, post_id, created_at) VALUES
('oak', uuid '01a227b2-2c00-725c-9175-2e42a8244883', 1795184717824),
('dovetails', uuid '01a227b2-2e1b-77b0-af11-b493fa917326', 1795184718362),
('cutting-dovetails', uuid '01a227b2-2e1b-77b0-af11-b493fa917326', 1795184718371),
('deleted', uuid '01a227b2-2e36-742a-ac4d-06eec0fd4e68', 1795184718390),
('trash', uuid '01a227b2-2e3d-7068-81f8-0af0709fb710', 1795184718397);
INSERT INTO post_tags (post_id, tag_id, position) VALUES
(uuid '01a227b2-2c00-725c-9175-2e42a8244883', uuid '01a227b2-2c01-7624-abd6-d5bbe9cb304f', 0),
(uuid '01a227b2-2e1b-77b0-af11-b493fa917326', uuid '01a227b2-2c01-7624-abd6-d5bbe9cb304f', 1),
(uuid '01a227b2-2e1b-77b0-af11-b493fa917326', uuid '01a227b2-2e1c-7692-8e07-4d89c63acc82', 0);
INSERT INTO post_coauthors (post_id, user_id, position) VALUES
(uuid '01a227b2-2e1b-77b0-af11-b493fa917326', uuid '01a227b2-2e12-7542-b7e5-f9e87d989b0b', 0);
INSERT INTO previews (id, post_id, created_by, expires_at, created_at) VALUES
(uuid '01a227b2-2e2f-7529-9b53-c89cea1084db', uuid '01a227b2-2e1b-77b0-af11-b493fa917326', uuid '01a227b2-2ae7-76eb-9541-19e0a62f5b65', 1795443918383, 1795184718383);
INSERT INTO comments (id, post_id, parent_id, author_id, content, status, depth, version, created_at, updated_at) VALUES
(uuid '01a227b2-2e2a-7579-8d82-50250d6573dc', uuid '01a227b2-2e1b-77b0-af11-b493fa917326', NULL, uuid '01a227b2-2ae7-76eb-9541-19e0a62f5b65', 'Tails or pins?', 'approved', 0, 1, 1795184718377, 1795184718377);
INSERT INTO aliases (path, post_id, document_id, created_at) VALUES
('/joinery/dovetails', uuid '01a227b2-2e1b-77b0-af11-b493fa917326', NULL, 1795184718397);
INSERT INTO documents (id, path, title, content, position, search, version, created_at, updated_at, deleted_at) VALUES
(uuid '01a227b2-2e4a-7730-832c-1bda0bcd49cb', 'guide/glue', 'Glue', 'Use hide glue, warm.', 0, 'glue', 2, 1795184718410, 1795184718414, NULL);
INSERT INTO customers (id, name, email, image_url, search, version, created_at, updated_at) VALUES
(uuid '01a227b2-2e7b-7468-b1ec-9139df97795d', 'Acme Joinery', 'billing@acme.test', NULL, 'acme joinery billing@acme.test', 1, 1795184718459, 1795184718459);
INSERT INTO invoices (id, number, customer_id, amount, currency, status, date, version, created_at, updated_at, paid_at) VALUES
(uuid '01a227b2-2e82-75ce-af8a-4e46da9acbac', 1, uuid '01a227b2-2e7b-7468-b1ec-9139df97795d', 15795, 'USD', 'pending', '2024-03-01', 1, 1795184718466, 1795184718466, NULL);
INSERT INTO revenues (id, month, amount, currency, version) VALUES
(uuid '01a227b2-2e88-76ab-af80-befa58b8a54a', '2024-03', 200000, 'USD', 1);
INSERT INTO rates (base, quote, rate, date, source, fetched_at) VALUES
('USD', 'EUR', '0.92', '2026-11-20', 'api.acme.test', 1795184718397);
INSERT INTO redirects (id, kind, source, key_form, destination, permanent, starts_at, ends_at, hits, search, version, created_at, updated_at) VALUES
(uuid '01a227b2-2e53-77ec-8295-ef9eb43f01df', 'prefix', '/old', '-old-*', '/new/*', 1, NULL, NULL, 0, '/old/* /new/*', 1, 1795184718419, 1795184718419);
INSERT INTO leases (name, ends_at) VALUES
('rates', 1795184718397);
INSERT INTO jobs (id, kind, queue, unique_key, data, state, run_at, enqueue_count, attempts, max_attempts, lease, leased_until, last_error, version, created_at, updated_at, finished_at) VALUES
(uuid '01a227b2-2ce0-763c-9495-8ef3937fbbab', 'trash.purge', 'internal', NULL, 'null', 'done', 1795184718029, 1, 1, 2147483647, NULL, NULL, NULL, 3, 1795184718029, 1795184718084, 1795184718084),
(uuid '01a227b2-2cf5-71e8-abb7-00d5f28b01f2', 'service.sweep', 'internal', NULL, 'null', 'done', 1795184718029, 1, 1, 2147483647, NULL, NULL, NULL, 3, 1795184718029, 1795184718088, 1795184718088);
INSERT INTO events (position, id, kind, topic, subject, href, version, audience, owner, occurred_at) VALUES
(20, uuid '01a227b2-2e89-76a7-b4b0-ba8efe72fa5c', 'revenue.updated', 'revenues', '2024-03', '/api/v2/revenues/en-us/2024-03', 0, 'accountants', NULL, 1795184718472),
(21, uuid '01a227b2-2ee1-7645-9eaf-adc621f99112', 'media.created', 'media', '01a227b2-2ec8-7086-aa5b-949018dff0e3', '/api/media/01a227b2-2ec8-7086-aa5b-949018dff0e3', 1, 'editors', uuid '01a227b2-2ae7-76eb-9541-19e0a62f5b65', 1795184718536);
INSERT INTO sequences (name, value) VALUES
('events', 21),
('invoices', 1),
('webhooks', 21);
INSERT INTO collections (name, version) VALUES
('redirects', 2),
('users', 3),
('posts', 4),
('restricted', 6),
('comments', 1),
('documents', 2),
('customers', 1),
('invoices', 1),
('revenues', 1),
('media', 1),
('webhook events', 2);
INSERT INTO imports (kind, source, digest, target, version) VALUES
('post', 'oak.md', 'elQApY-ZHNjvymrl1ewhpcevSuy1GdOBdsuo3OjiDm4', uuid '01a227b2-2c00-725c-9175-2e42a8244883', 1);
INSERT INTO idempotency_keys (scope, fingerprint, status, location, etag, body, created_at, expires_at) VALUES
('DnYmJVvb14RUGv9N9DfxpmwePDPEN_UMFlqNsDgVryo', 'xUKkRwIo831DbB1WufzfhGpriJt28wSBbnp-vq_876w', 201, '/api/posts/01a227b2-2e1b-77b0-af11-b493fa917326', '"RuWCd_pfeuAlQfbOC-pT"', '{"id":"01a227b2-2e1b-77b0-af11-b493fa917326","slug":"dovetails","title":"Dovetails","content":"Cut the *tails* first.","author":{"id":"01a227b2-2ae7-76eb-9541-19e0a62f5b65","name":"Ada Turner"},"coauthors":[],"tags":[{"slug":"joints","name":"joints"},{"slug":"trees","name":"trees"}],"published":true,"publishedAt":"2026-11-29T14:25:18.362Z","commentsCount":0,"createdAt":"2026-11-29T14:25:18.362Z","updatedAt":"2026-11-29T14:25:18.362Z"}', 1795184718358, 1795271118358);
INSERT INTO revisions (id, post_id, document_id, version, change, changed_by, restored_from, created_at, content) VALUES
(uuid '01a227b2-2c01-7624-abd6-d5bca03e0e88', uuid '01a227b2-2c00-725c-9175-2e42a8244883', NULL, 1, 'imported', NULL, NULL, 1795184717824, '{"title":"Oak","slug":"oak","content":"A tree that is older than its village.\n","excerpt":"A tree that is older than its village.","tags":["trees"],"published":true}'),
(uuid '01a227b2-2e1c-7692-8e07-4d8a77b104e0', uuid '01a227b2-2e1b-77b0-af11-b493fa917326', NULL, 1, 'created', uuid '01a227b2-2ae7-76eb-9541-19e0a62f5b65', NULL, 1795184718362, '{"title":"Dovetails","slug":"dovetails","content":"Cut the *tails* first.","tags":["joints","trees"],"published":true}'),
(uuid '01a227b2-2e24-727f-9798-cac1405cb505', uuid '01a227b2-2e1b-77b0-af11-b493fa917326', NULL, 2, 'changed', uuid '01a227b2-2ae7-76eb-9541-19e0a62f5b65', NULL, 1795184718371, '{"title":"Cutting dovetails","slug":"cutting-dovetails","content":"Cut the *tails* first.","tags":["joints","trees"],"published":true}'),
(uuid '01a227b2-2e36-742a-ac4d-06ef99c7ee49', uuid '01a227b2-2e36-742a-ac4d-06eec0fd4e68', NULL, 1, 'created', uuid '01a227b2-2ae7-76eb-9541-19e0a62f5b65', NULL, 1795184718390, '{"title":"Deleted","slug":"deleted","content":"In the trash.","tags":[],"published":false}'),
(uuid '01a227b2-2e3e-70ef-8686-05c45f2c6f0f', uuid '01a227b2-2e3d-7068-81f8-0af0709fb710', NULL, 1, 'created', uuid '01a227b2-2ae7-76eb-9541-19e0a62f5b65', NULL, 1795184718397, '{"title":"Trash","slug":"trash","content":"To be deleted.","tags":[],"published":false}'),
(uuid '01a227b2-2e45-73da-9b46-c39a7eb48f85', uuid '01a227b2-2e3d-7068-81f8-0af0709fb710', NULL, 2, 'deleted', uuid '01a227b2-2ae7-76eb-9541-19e0a62f5b65', NULL, 1795184718404, '{"title":"Trash","slug":"trash","content":"To be deleted.","tags":[],"published":false}'),
(uuid '01a227b2-2e4a-7730-832c-1bdb4dc516dd', NULL, uuid '01a227b2-2e4a-7730-832c-1bda0bcd49cb', 1, 'created', uuid '01a227b2-2ae7-76eb-9541-19e0a62f5b65', NULL, 1795184718410, '{"path":"guide/glue","title":"Glue","content":"Use hide glue.","position":0}'),
(uuid '01a227b2-2e4e-773d-bdd8-8d0202ad7f89', NULL, uuid '01a227b2-2e4a-7730-832c-1bda0bcd49cb', 2, 'changed', uuid '01a227b2-2ae7-76eb-9541-19e0a62f5b65', NULL, 1795184718414, '{"path":"guide/glue","title":"Glue","content":"Use hide glue, warm.","position":0}');
INSERT INTO media (id, key, filename, media_type, size, width, height, sha256, blurhash, focus_x, focus_y, alt, uploaded_by, search, version, created_at, updated_at) VALUES
(uuid '01a227b2-2ec8-7086-aa5b-949018dff0e3', 'ee18ea7f8131f105aecc7b90cc4b42b7.png', 'joint.png', 'image/png', 290, 8, 6, '4f8d71b108ad28920e502b7dcf1be9738aacccc21a8ac9f6775c4232550bf487', 'LcE.:*3Aa|%1zMNKfQnSeqf7fQf7', NULL, NULL, NULL, uuid '01a227b2-2ae7-76eb-9541-19e0a62f5b65', 'joint.png ', 1, 1795184718536, 1795184718536);
INSERT INTO media_orphans (stem, deletable, since) VALUES
('00000000000000000000000000000000', 1, 1795184718397);
INSERT INTO webhook_events (id, provider, provider_id, delivery, kind, body, state, outcome, attempts, version, received_at, updated_at, handled_at) VALUES
(uuid '01a227b2-2ee9-75fd-a6f5-0fd33ed30c4d', 'github', '72d3162e-cc78-11e3-81ab-4c9367dc0958', NULL, 'issues', '{"action": "opened", "zen": "x"}', 'unhandled', NULL, 1, 2, 1795184718569, 1795184718584, 1795184718584);
INSERT INTO webhook_endpoints (id, url, description, events, format, secret, previous_secret, previous_secret_until, state, disabled_reason, failing_since, start_position, version, created_at, updated_at) VALUES
(uuid '01a227b2-2ea3-76f6-bcf2-039e2b46f57e', 'http://127.0.0.1:9/hook', NULL, '["posts"]', 'standard', 'whsec_YSBzZWNyZXQgb2YgYSB3ZWJob29rIGVuZHBvaW50Li4u', NULL, NULL, 'enabled', NULL, NULL, 20, 1, 1795184718499, 1795184718499);
INSERT INTO webhook_deliveries (id, endpoint_id, event_id, position, kind, occurred_at, format, payload, state, attempts, last_status, last_error, response, next_at, version, created_at, updated_at, delivered_at) VALUES
(uuid '01a227b2-0000-7000-8000-000000000001', uuid '01a227b2-2ea3-76f6-bcf2-039e2b46f57e', uuid '01a227b2-2ee1-7645-9eaf-adc621f99112', NULL, 'post.created', 1795184718397, 'standard', '{}', 'failed', 8, 500, 'the endpoint responded with 500', 'no', NULL, 2, 1795184718397, 1795184718397, NULL);
INSERT INTO channels (id, name, description, audience, version, created_at, updated_at) VALUES
(uuid '01a227b2-2e65-75ee-a8a4-9de5924a8ffb', 'workshop', NULL, 'public', 1, 1795184718437, 1795184718437);
INSERT INTO messages (id, channel_id, author_id, text, client_id, client_digest, version, created_at, updated_at) VALUES
(uuid '01a227b2-2e74-773d-bdea-d17488c71435', uuid '01a227b2-2e65-75ee-a8a4-9de5924a8ffb', uuid '01a227b2-2ae7-76eb-9541-19e0a62f5b65', 'The oak has arrived.', NULL, NULL, 1, 1795184718452, 1795184718452);
INSERT INTO sessions (id, user_id, family_hash, refresh_hash, rotation_salt, rotated_at, cookie_hash, user_agent, ip, created_at, last_used_at, expires_at, revoked_at) VALUES
(uuid '01a227b2-2d9f-72ef-aec6-e7a4caede594', uuid '01a227b2-2ae7-76eb-9541-19e0a62f5b65', 'R8bf55lNuMNFiWr6OwszVUxWnCie8NoLDsx6bRx3heU', 'G69nv4Fnd4JDGQywoz9KuvH0NX2dw1LNXshTXVSFVT0', NULL, NULL, NULL, NULL, '127.0.0.1', 1795184718239, 1795184718239, 1797776718239, NULL),
(uuid '01a227b2-2f0a-751e-a4ef-4ec68f12c7b6', uuid '01a227b2-2e12-7542-b7e5-f9e87d989b0b', 'r4RKmL8bnt7c4VqknDL84p7EV2k7arY35twgwZa6kDM', 'L07nEqW8c2R046MgOLmJ5e5VkcONZAG1cS4YWhtmISE', NULL, NULL, NULL, NULL, '127.0.0.1', 1795184718602, 1795184718602, 1797776718602, NULL);
INSERT INTO api_keys (id, user_id, name, hash, previous_hash, previous_secret_until, scopes, expires_at, last_used_at, version, created_at, updated_at) VALUES
(uuid '01a227b2-2e97-71a6-8a47-c564352470ab', uuid '01a227b2-2ae7-76eb-9541-19e0a62f5b65', 'ci', 'bKh20vAXjDNJi8h3xpZE4g5f4Q1pnCOCFET7dgWrXGI', NULL, NULL, 'posts:read', 1826720718487, NULL, 1, 1795184718487, 1795184718487);
INSERT INTO secrets (name, value) VALUES
('cursors', 'Y3Vyc29yc2N1cnNvcnNjdXJzb3JzY3Vyc29yc2N1cnM'),
('previews', 'cHJldmlld3NwcmV2aWV3c3ByZXZpZXdzcHJldmlld3M');
INSERT INTO signing_keys (kid, private_key, public_key, created_at, active_at, expires_at) VALUES
('1IG2tMH7J2wbJZnOf8LJzQitKf7LMvoAElsuDMVM54Y', 'MFECAQEwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fgSEAA6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=', 'A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=', 1795184718397, 1795184718397, NULL);
INSERT INTO seaql_migrations (version, applied_at) VALUES
('m20261121_000001_accounts', 1795962317),
('m20261121_000002_posts', 1795962317),
('m20261121_000003_comments', 1795962317),
('m20261121_000004_service', 1795962317),
('m20261121_000005_billing', 1795962317),
('m20261121_000006_redirects', 1795962317),
('m20261121_000007_leases', 1795962317),
('m20261121_000008_jobs', 1795962317),
('m20261121_000009_webhook_events', 1795962317),
('m20261121_000010_revisions', 1795962317),
('m20261121_000011_media', 1795962317),
('m20261121_000012_webhook_endpoints', 1795962317),
('m20261121_000013_channels', 1795962317);

// Generated from openapi.yaml by `npm run generate`. Changes belong there.
export interface paths {
    "/.well-known/jwks.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read the public keys of access tokens
         * @description A JWK set (RFC 7517) for other services that verify access tokens. A key is published one day before
         *     it signs tokens.
         */
        get: operations["sessionsGetKeys"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/api-keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List API keys, newest first
         * @description Lists the caller's keys, or all keys for admins. The response contains no secrets.
         */
        get: operations["apiKeysList"];
        put?: never;
        /**
         * Create an API key
         * @description The field `key` is returned only in this response. It is a secret, so the response is not stored and
         *     the operation accepts no `Idempotency-Key`. An account may have 50 keys, expired ones included.
         */
        post: operations["apiKeysCreate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/api-keys/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The key's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath8"];
            };
            cookie?: never;
        };
        /**
         * Read an API key
         * @description Returns one of the caller's keys, or any key for admins, without its secret.
         */
        get: operations["apiKeysGet"];
        put?: never;
        post?: never;
        /**
         * Delete an API key
         * @description Requests with the key are rejected immediately.
         */
        delete: operations["apiKeysDelete"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/api-keys/{id}/rotate": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The key's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath8"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Rotate the secret of an API key
         * @description Only the owner may rotate a key. The previous secret stays valid for 24 hours, so that programs can
         *     switch to the new one.
         */
        post: operations["apiKeysRotate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/audit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List audit entries
         * @description Newest first. An entry is appended in the transaction of the change that it describes. Old entries are deleted
         *     after `audit_retention_days`.
         *
         *     Scope of an API key: `audit:read`.
         */
        get: operations["auditList"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/auth/login": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Sign in
         * @description An unknown account, a disabled account and a wrong password get the same response after the same time.
         *     Rate limit: 30 attempts per minute of a client address. After five failed attempts on an e-mail address,
         *     each further one is delayed, from one second up to 15 minutes. With `cookie`, the response also sets the
         *     cookie `__Host-device`: a browser that sends it is not delayed by the failures of others. 503 with the code
         *     `hashing-busy` means that too many passwords are being hashed.
         */
        post: operations["sessionsLogin"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/auth/logout": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Sign out
         * @description Revokes the session of the caller immediately and clears the session cookie.
         */
        post: operations["sessionsLogout"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/auth/refresh": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Refresh the access token
         * @description A refresh token is valid for one use, and the response contains the next one. For ten seconds after
         *     its use, the last refresh token may be sent again and returns the same next token. Any later reuse
         *     revokes the session (RFC 9700, section 4.14). Rate limit: 30 failed requests per minute of a client address.
         */
        post: operations["sessionsRefresh"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/auth/sessions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List your sessions, newest first
         * @description Each session is a client that is signed in. Expired and revoked sessions are not included.
         */
        get: operations["sessionsList"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/auth/sessions/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The session's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Revoke one of your sessions
         * @description Its tokens and its cookie are rejected immediately.
         */
        delete: operations["sessionsDelete"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/authors": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List authors by name
         * @description Lists users with at least one published post, as author or co-author.
         *
         *     Scope of an API key: `authors:read`.
         */
        get: operations["authorsList"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/authors/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The user's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath9"];
            };
            cookie?: never;
        };
        /**
         * Read an author
         * @description Returns the public profile of a user with at least one published post, without e-mail address and role.
         *
         *     Scope of an API key: `authors:read`.
         */
        get: operations["authorsGet"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/channels": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List channels
         * @description Returns the channels that the caller can read, ordered by name.
         *
         *     Scope of an API key: `channels:read`.
         */
        get: operations["channelsList"];
        put?: never;
        /**
         * Create a channel
         * @description The name must be unique: if it already exists, the response is 409.
         *
         *     Scope of an API key: `channels:write`.
         */
        post: operations["channelsCreate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/channels/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The id of the channel.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath"];
            };
            cookie?: never;
        };
        /**
         * Get a channel
         * @description Returns 404 if the channel does not exist or the caller cannot read it.
         *
         *     Scope of an API key: `channels:read`.
         */
        get: operations["channelsGet"];
        put?: never;
        post?: never;
        /**
         * Delete a channel
         * @description Deletes the channel with its messages. They are inaccessible from now on; a background job deletes the
         *     rows.
         *
         *     Scope of an API key: `channels:write`.
         */
        delete: operations["channelsDelete"];
        options?: never;
        head?: never;
        /**
         * Update a channel
         * @description The body is a merge patch (RFC 7396). A new audience takes effect immediately, for existing messages
         *     too.
         *
         *     Scope of an API key: `channels:write`.
         */
        patch: operations["channelsUpdate"];
        trace?: never;
    };
    "/api/channels/{id}/messages": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The id of the channel.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath"];
            };
            cookie?: never;
        };
        /**
         * List the messages of a channel
         * @description Newest first. Pagination with `after` returns each message that existed at the first request exactly
         *     once, even if messages are added meanwhile.
         *
         *     Scope of an API key: `messages:read`.
         */
        get: operations["messagesList"];
        put?: never;
        /**
         * Post a message to a channel
         * @description Allowed for authenticated callers that can read the channel. A request with a `clientId` that the
         *     author already used in the channel returns the existing message (200) if the text is the same, and 409
         *     otherwise.
         *
         *     Scope of an API key: `messages:write`.
         */
        post: operations["messagesCreate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/comments": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List comments of all posts
         * @description The moderation queue. `status=pending` lists the comments that await approval.
         *
         *     Scope of an API key: `comments:read`.
         */
        get: operations["commentsList"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/comments/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The id of the comment.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        /**
         * Get a comment
         * @description Only its author and editors get a pending or rejected comment; other callers get 404.
         *
         *     Scope of an API key: `comments:read`.
         */
        get: operations["commentsGet"];
        put?: never;
        post?: never;
        /**
         * Delete a comment
         * @description Deletes the comment with all direct and indirect replies. There is no undo.
         *
         *     Scope of an API key: `comments:write`.
         */
        delete: operations["commentsDelete"];
        options?: never;
        head?: never;
        /**
         * Update or moderate a comment
         * @description A merge patch (RFC 7396). The author can change the content for 15 minutes; the comment is then
         *     pending again, unless the caller is the author of the post. Editors can change content and status at
         *     any time. When an approved comment loses its approval, its approved replies become pending. A reply
         *     can be approved only after its parent (409).
         *
         *     Scope of an API key: `comments:write`.
         */
        patch: operations["commentsUpdate"];
        trace?: never;
    };
    "/api/docs/{path}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The path of the document in the tree.
                 * @example guides/getting-started
                 */
                path: string;
            };
            cookie?: never;
        };
        /**
         * Get the document at a path
         * @description A path has at most ten segments. A trailing slash redirects (308) to the path without it.
         *
         *     Scope of an API key: `documents:read`.
         */
        get: operations["documentsGetByPath"];
        /**
         * Create or replace the document at a path
         * @description With `If-None-Match: *`, the document is created only if none exists at the path.
         *
         *     Scope of an API key: `documents:write`.
         */
        put: operations["documentsReplaceByPath"];
        post?: never;
        /**
         * Delete the document at a path
         * @description Documents below it are not deleted. Deleted documents can be restored for 30 days (`trash_retention_days`). The
         *     path is available immediately.
         *
         *     Scope of an API key: `documents:write`.
         */
        delete: operations["documentsDeleteByPath"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/documents": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List documents
         * @description Sorted by position, then by path. `prefix` selects a subtree. With `deleted=only`, editors list
         *     deleted documents.
         *
         *     Scope of an API key: `documents:read`.
         */
        get: operations["documentsList"];
        put?: never;
        /**
         * Create a document
         * @description Fails with 409 if another document exists at the path. No document needs to exist at the paths above.
         *
         *     Scope of an API key: `documents:write`.
         */
        post: operations["documentsCreate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/documents/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The id of the document.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath3"];
            };
            cookie?: never;
        };
        /**
         * Get a document
         * @description The id does not change when the document is moved.
         *
         *     Scope of an API key: `documents:read`.
         */
        get: operations["documentsGet"];
        /**
         * Replace a document
         * @description Another `path` moves the document. Documents below it are not moved. The former path is available
         *     immediately.
         *
         *     Scope of an API key: `documents:write`.
         */
        put: operations["documentsReplace"];
        post?: never;
        /**
         * Delete a document
         * @description Documents below it are not deleted. Deleted documents can be restored for 30 days (`trash_retention_days`). The
         *     path is available immediately.
         *
         *     Scope of an API key: `documents:write`.
         */
        delete: operations["documentsDelete"];
        options?: never;
        head?: never;
        /**
         * Update or move a document
         * @description A merge patch (RFC 7396): omitted fields are unchanged. Another `path` moves the document. Documents
         *     below it are not moved. The former path is available immediately.
         *
         *     Scope of an API key: `documents:write`.
         */
        patch: operations["documentsUpdate"];
        trace?: never;
    };
    "/api/documents/{id}/restore": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The id of the document.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath3"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Restore a deleted document
         * @description The document is restored at its former path; if another document exists there, the request fails
         *     (409). A document that is not deleted is returned unchanged.
         *
         *     Scope of an API key: `documents:write`.
         */
        post: operations["documentsRestore"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/documents/{id}/revisions": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The id of the document.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath3"];
            };
            cookie?: never;
        };
        /**
         * List the revisions of a document, newest first
         * @description Every write creates a revision; the newest 200 of a document are stored.
         *
         *     Scope of an API key: `documents:read`.
         */
        get: operations["documentsRevisionsList"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/documents/{id}/revisions/{revision}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The id of the document.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath3"];
                /**
                 * @description The id of the revision.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                revision: components["parameters"]["RevisionPath"];
            };
            cookie?: never;
        };
        /**
         * Get a revision of a document
         * @description The response contains all editable fields of the document in that version.
         *
         *     Scope of an API key: `documents:read`.
         */
        get: operations["documentsRevisionsGet"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/documents/{id}/revisions/{revision}/diff": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The id of the document.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath3"];
                /**
                 * @description The id of the revision.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                revision: components["parameters"]["RevisionPath"];
            };
            cookie?: never;
        };
        /**
         * Compare two revisions of a document
         * @description The content is compared line by line, the other fields by value. Without `against`, the previous
         *     revision is used.
         *
         *     Scope of an API key: `documents:read`.
         */
        get: operations["documentsRevisionsDiff"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/documents/{id}/revisions/{revision}/restore": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The id of the document.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath3"];
                /**
                 * @description The id of the revision.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                revision: components["parameters"]["RevisionPath"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Restore a revision of a document
         * @description Title, content and position of the revision are written as a new version. The path does not change. If
         *     the document already equals the revision, no version is created.
         *
         *     Scope of an API key: `documents:write`.
         */
        post: operations["documentsRevisionsRestore"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Stream events
         * @description A stream of server-sent events (HTML, section 9.2). Each event is sent when its change is committed,
         *     in the same order for all clients. A caller receives the events of resources that it can read.
         *
         *     To resume, a client sends the `id` of its last event as `Last-Event-ID` or as `after`, and receives
         *     the events since then. Events are stored for 24 hours. If events are missing, the stream sends an
         *     event `reset`, at the start or later: its `data` is `{"after": …}`, the position after which the
         *     stream continues, and the client must reload all resources that it displays.
         *
         *     An event `heartbeat` is sent on connect and every 15 seconds. It keeps the connection open and moves the
         *     resume position; its `data` is that of `reset`. A client that reads too slowly is disconnected and can
         *     resume. Each caller can have ten streams at a time: a further one ends at once and has a `retry` of one
         *     minute. A `Last-Event-ID` that is not a position of this log starts with `reset`.
         *
         *     Scope of an API key: `events:read`.
         */
        get: operations["eventsStream"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a health report
         * @description Returns 200 even if a component is degraded, and names that component.
         */
        get: operations["healthGet"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/jobs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List background jobs
         * @description Newest first. Done jobs are stored for 3 days, dead jobs for 30 days.
         *
         *     Scope of an API key: `jobs:read`.
         */
        get: operations["jobsList"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/jobs/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The id of the job.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath6"];
            };
            cookie?: never;
        };
        /**
         * Get a background job
         * @description Returns the state of the job and the error of its last attempt.
         *
         *     Scope of an API key: `jobs:read`.
         */
        get: operations["jobsGet"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/jobs/{id}/retry": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The id of the job.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath6"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Retry a background job
         * @description Enqueues a job that is `dead` or `done` again. All jobs are idempotent.
         *
         *     Scope of an API key: `jobs:write`.
         */
        post: operations["jobsRetry"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/me": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read your account
         * @description Includes the id of the current session, which `/api/auth/sessions` lists as well.
         *
         *     Scope of an API key: `me:read`.
         */
        get: operations["meGet"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Update your account
         * @description A merge patch (RFC 7396). A new `password` requires the current one as `currentPassword`, and revokes
         *     all other sessions. Only admins may change role, status and e-mail address. After five wrong values of
         *     `currentPassword`, each further attempt is delayed, from one second up to 15 minutes. 503 with the code
         *     `hashing-busy` means that too many passwords are being hashed.
         */
        patch: operations["meUpdate"];
        trace?: never;
    };
    "/api/media": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List media
         * @description Newest first by default. Authors see the images that they uploaded; editors see all images.
         *
         *     Scope of an API key: `media:read`.
         */
        get: operations["mediaList"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/media/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The id of the image.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        /**
         * Get the metadata of an image
         * @description Authors can read the images that they uploaded; editors can read all images.
         *
         *     Scope of an API key: `media:read`.
         */
        get: operations["mediaGet"];
        put?: never;
        post?: never;
        /**
         * Delete an image
         * @description Deletes the stored bytes of the image and of all its variants. Caches may serve a copy until its
         *     `max-age` expires.
         *
         *     Scope of an API key: `media:write`.
         */
        delete: operations["mediaDelete"];
        options?: never;
        head?: never;
        /**
         * Update the metadata of an image
         * @description The body is a merge patch (RFC 7396). The image itself is immutable: to replace it, upload another
         *     one.
         *
         *     Scope of an API key: `media:write`.
         */
        patch: operations["mediaUpdate"];
        trace?: never;
    };
    "/api/messages/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The id of the message.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        /**
         * Get a message
         * @description Returns 404 if the message does not exist or the caller cannot read its channel.
         *
         *     Scope of an API key: `messages:read`.
         */
        get: operations["messagesGet"];
        put?: never;
        post?: never;
        /**
         * Delete a message
         * @description Allowed for the author of the message and for editors.
         *
         *     Scope of an API key: `messages:write`.
         */
        delete: operations["messagesDelete"];
        options?: never;
        head?: never;
        /**
         * Update a message
         * @description The body is a merge patch (RFC 7396). Only the author can update a message. Sets `editedAt`.
         *
         *     Scope of an API key: `messages:write`.
         */
        patch: operations["messagesUpdate"];
        trace?: never;
    };
    "/api/posts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List posts, newest first
         * @description By default, only published posts. With `status`, authors also list their own drafts, and editors list all
         *     drafts. A page past the end is empty. An unknown tag matches no posts.
         *
         *     Scope of an API key: `posts:read`.
         */
        get: operations["postsList"];
        put?: never;
        /**
         * Create a post
         * @description The caller becomes the author. Unless `published` is true, the post is a draft: only its author and
         *     editors can read it, until `publishAt` if that is set.
         *
         *     Scope of an API key: `posts:write`.
         */
        post: operations["postsCreate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/posts/{post}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The id or the slug of the post.
                 * @example a-joint-that-fits
                 */
                post: components["parameters"]["PostPath"];
            };
            cookie?: never;
        };
        /**
         * Get a post
         * @description A draft is returned to its author, to editors, and to requests with the token of a preview link. Other
         *     callers get 404. A former slug redirects (308) to the current one.
         *
         *     Scope of an API key: `posts:read`.
         */
        get: operations["postsGet"];
        /**
         * Replace a post
         * @description Omitted fields get the defaults of a new post. The slug changes only if the request contains one.
         *
         *     Scope of an API key: `posts:write`.
         */
        put: operations["postsReplace"];
        post?: never;
        /**
         * Delete a post
         * @description Deleted posts can be restored, with their comments, for 30 days (`trash_retention_days`). Until the post is
         *     purged, its slugs remain reserved.
         *
         *     Scope of an API key: `posts:write`.
         */
        delete: operations["postsDelete"];
        options?: never;
        head?: never;
        /**
         * Update a post
         * @description A merge patch (RFC 7396): omitted fields are unchanged, `null` clears a field.
         *
         *     Scope of an API key: `posts:write`.
         */
        patch: operations["postsUpdate"];
        trace?: never;
    };
    "/api/posts/{post}/comments": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The id or the slug of the post.
                 * @example a-joint-that-fits
                 */
                post: components["parameters"]["PostPath"];
            };
            cookie?: never;
        };
        /**
         * List the comments of a post, oldest first
         * @description Anonymous callers get approved comments. Signed-in users also get their own pending and rejected
         *     comments, editors get all. A former slug redirects (308).
         *
         *     Scope of an API key: `comments:read`.
         */
        get: operations["commentsListForPost"];
        put?: never;
        /**
         * Create a comment
         * @description Comments by editors and by the author of the post are approved immediately; others are pending until
         *     an editor approves them. Drafts reject comments (409).
         *
         *     Scope of an API key: `comments:write`.
         */
        post: operations["commentsCreate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/posts/{post}/preview": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The id or the slug of the post.
                 * @example a-joint-that-fits
                 */
                post: components["parameters"]["PostPath"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Create a preview link for a post
         * @description Anyone with the link can read this post, draft or not, for three days and without authentication. The link
         *     ends earlier if the links of the post are deleted, the post is deleted, or its creator's account is deleted,
         *     is disabled, gets a lower role or gets a new password from an admin.
         *
         *     Scope of an API key: `posts:write`.
         */
        post: operations["postsCreatePreview"];
        /**
         * Delete all preview links of a post
         * @description Requests with a deleted link get 404, as for a post that does not exist.
         *
         *     Scope of an API key: `posts:write`.
         */
        delete: operations["postsDeletePreviews"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/posts/{post}/restore": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The id or the slug of the post.
                 * @example a-joint-that-fits
                 */
                post: components["parameters"]["PostPath"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Restore a deleted post
         * @description The post gets back its comments and its state at deletion, published or draft, without its schedule. A
         *     post that is not deleted is returned unchanged.
         *
         *     Scope of an API key: `posts:write`.
         */
        post: operations["postsRestore"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/posts/{post}/revisions": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The id or the slug of the post.
                 * @example a-joint-that-fits
                 */
                post: components["parameters"]["PostPath"];
            };
            cookie?: never;
        };
        /**
         * List the revisions of a post, newest first
         * @description Every write creates a revision; the newest 200 of a post are stored. Callers that cannot edit the post
         *     get 404. A former slug redirects (308).
         *
         *     Scope of an API key: `posts:read`.
         */
        get: operations["postsRevisionsList"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/posts/{post}/revisions/{revision}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The id or the slug of the post.
                 * @example a-joint-that-fits
                 */
                post: components["parameters"]["PostPath"];
                /**
                 * @description The id of the revision.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                revision: components["parameters"]["RevisionPath"];
            };
            cookie?: never;
        };
        /**
         * Get a revision of a post
         * @description The response contains all editable fields of the post in that version.
         *
         *     Scope of an API key: `posts:read`.
         */
        get: operations["postsRevisionsGet"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/posts/{post}/revisions/{revision}/diff": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The id or the slug of the post.
                 * @example a-joint-that-fits
                 */
                post: components["parameters"]["PostPath"];
                /**
                 * @description The id of the revision.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                revision: components["parameters"]["RevisionPath"];
            };
            cookie?: never;
        };
        /**
         * Compare two revisions of a post
         * @description The content is compared line by line, the other fields by value. Without `against`, the previous
         *     revision is used.
         *
         *     Scope of an API key: `posts:read`.
         */
        get: operations["postsRevisionsDiff"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/posts/{post}/revisions/{revision}/restore": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The id or the slug of the post.
                 * @example a-joint-that-fits
                 */
                post: components["parameters"]["PostPath"];
                /**
                 * @description The id of the revision.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                revision: components["parameters"]["RevisionPath"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Restore a revision of a post
         * @description Title, content, excerpt, cover image and tags of the revision are written as a new version. The slug,
         *     the published state and the schedule do not change. If the post already equals the revision, no
         *     version is created.
         *
         *     Scope of an API key: `posts:write`.
         */
        post: operations["postsRevisionsRestore"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/rates": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get exchange rates
         * @description Returns the rate of one unit of `base` in every other known currency, each with its date, its source
         *     and its state. The rates are stored ones: the request does not call an external service. Responds with
         *     404 if no rate of `base` is known.
         *
         *     Scope of an API key: `rates:read`.
         */
        get: operations["ratesGet"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/redirect-files/csv": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Export all redirects as CSV
         * @description In ascending order of sources, in the format that the import accepts.
         *
         *     Scope of an API key: `redirects:read`.
         */
        get: operations["redirectsExportCsv"];
        put?: never;
        /**
         * Import redirects from a CSV file
         * @description Imports all of them or none. The first line names the columns: `source`, `destination`, `permanent`,
         *     `startsAt`, `endsAt`, `status`, `external`. Other columns are ignored. The separator is a comma, a
         *     semicolon or a tab. If `permanent` and `status` are missing or empty, the rule is temporary (307). If a
         *     date is missing or empty, the rule has no such date, even if it had one before. If a source occurs more
         *     than once, its first rule is imported. A dry run returns the same result with 200, without writing
         *     anything.
         *
         *     Scope of an API key: `redirects:write`.
         */
        post: operations["redirectsImportCsv"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/redirect-files/json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Export all redirects as a JSON map
         * @description In ascending order of sources, in the format that the import accepts.
         *
         *     Scope of an API key: `redirects:read`.
         */
        get: operations["redirectsExportJson"];
        put?: never;
        /**
         * Import redirects from a JSON map
         * @description Imports all of them or none. A rule whose source exists replaces the existing rule; all other rules
         *     stay unchanged. If a source occurs more than once, its first rule is imported. The response lists what
         *     was not imported. A dry run returns the same result with 200, without writing anything.
         *
         *     Scope of an API key: `redirects:write`.
         */
        post: operations["redirectsImportJson"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/redirect-files/netlify": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Export all redirects as a Netlify file
         * @description In order of precedence. Rules that the format cannot express are written as comments.
         *
         *     Scope of an API key: `redirects:read`.
         */
        get: operations["redirectsExportNetlify"];
        put?: never;
        /**
         * Import redirects from a Netlify file
         * @description Imports all rules or none. Lines with rewrites, roles, unknown conditions or without a destination are
         *     skipped, and the response lists them. If a source occurs more than once, its first rule is imported. A
         *     dry run returns the same result with 200, without writing anything.
         *
         *     Scope of an API key: `redirects:write`.
         */
        post: operations["redirectsImportNetlify"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/redirects": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List redirects by source
         * @description Each redirect includes the number of requests that it has redirected (`hits`).
         *
         *     Scope of an API key: `redirects:read`.
         */
        get: operations["redirectsList"];
        put?: never;
        /**
         * Create a redirect
         * @description The redirect takes effect at once. Operations have precedence: a source that matches the path of an
         *     operation is rejected (400). A redirect that would form a cycle is rejected (409). Only admins may set
         *     `external` (403).
         *
         *     Scope of an API key: `redirects:write`.
         */
        post: operations["redirectsCreate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/redirects/{key}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The source of the rule, with or without the leading slash, or its key form (hyphens for slashes).
                 * @example -api-v1-revenues
                 */
                key: string;
            };
            cookie?: never;
        };
        /**
         * Get a redirect
         * @description Editors see every rule; other callers see only rules that are in effect.
         *
         *     Scope of an API key: `redirects:read`.
         */
        get: operations["redirectsGet"];
        /**
         * Create or replace a redirect
         * @description With `If-None-Match: *`, the redirect is created only if no redirect has this source. Only admins may set
         *     `external`, or change the destination of a redirect that has it (403).
         *
         *     Scope of an API key: `redirects:write`.
         */
        put: operations["redirectsReplace"];
        post?: never;
        /**
         * Delete a redirect
         * @description Takes effect at once: requests for the source are no longer redirected.
         *
         *     Scope of an API key: `redirects:write`.
         */
        delete: operations["redirectsDelete"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/tags": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List tags with the number of their posts
         * @description The number counts published posts. A tag that only drafts have is listed for callers that can read one
         *     of them.
         *
         *     Scope of an API key: `tags:read`.
         */
        get: operations["tagsList"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/tags/{slug}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The slug of the tag.
                 * @example a-joint-that-fits
                 */
                slug: string;
            };
            cookie?: never;
        };
        /**
         * Get a tag
         * @description The response contains the number of published posts with the tag.
         *
         *     Scope of an API key: `tags:read`.
         */
        get: operations["tagsGet"];
        /**
         * Create or replace a tag
         * @description With `If-None-Match: *`, the tag is created only if it does not exist.
         *
         *     Scope of an API key: `tags:write`.
         */
        put: operations["tagsReplace"];
        post?: never;
        /**
         * Delete a tag
         * @description The tag is removed from all posts.
         *
         *     Scope of an API key: `tags:write`.
         */
        delete: operations["tagsDelete"];
        options?: never;
        head?: never;
        /**
         * Update a tag
         * @description A merge patch (RFC 7396). A new name or slug applies to all posts with the tag immediately.
         *
         *     Scope of an API key: `tags:write`.
         */
        patch: operations["tagsUpdate"];
        trace?: never;
    };
    "/api/upload": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Upload an image
         * @description Each request uploads one image. The server decodes the image completely, removes its metadata and
         *     stores the result under a new, unguessable URL. If the caller has already uploaded the same image, the
         *     response is the existing one (200).
         *
         *     Scope of an API key: `media:write`.
         */
        post: operations["mediaUpload"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/upstreams": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List upstreams
         * @description Returns the configured upstreams by name. Their addresses are not exposed.
         *
         *     Scope of an API key: `upstreams:read`.
         */
        get: operations["upstreamsList"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/upstreams/{upstream}/{path}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The configured name of the upstream.
                 * @example weather
                 */
                upstream: string;
                /**
                 * @description The path below the base URL of the upstream, with any number of segments.
                 * @example v1/forecast
                 */
                path: string;
            };
            cookie?: never;
        };
        /**
         * Send a GET request to an upstream
         * @description Sends a `GET` request to the path below the base URL of the upstream, and returns the JSON of its
         *     response, or the part that `pointer` selects. `X-Request-Id` is the only request header that is
         *     forwarded. Response headers are not forwarded; the ETag is computed from the returned JSON. Redirects
         *     are not followed. The upstream must return a success status and `application/json` of at most 1 MiB
         *     within 5 seconds. Any other response results in a 502, a timeout in a 504. A path with a trailing
         *     slash redirects to the path without it.
         *
         *     Scope of an API key: `upstreams:read`.
         */
        get: operations["upstreamsGet"];
        put?: never;
        /**
         * Send a POST request to an upstream
         * @description Sends the JSON body in a `POST` request. Headers, limits and errors are the same as for `GET`. The
         *     request is never retried. After a 502 or a 504, the upstream may have processed it.
         *
         *     Scope of an API key: `upstreams:write`.
         */
        post: operations["upstreamsSend"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/users": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List accounts, newest first
         * @description The list includes imported authors, which have no e-mail address and cannot sign in.
         *
         *     Scope of an API key: `users:read`.
         */
        get: operations["usersList"];
        put?: never;
        /**
         * Create an account
         * @description Anonymous callers may register as a reader if registration is enabled. Admins may always create
         *     accounts. An admin with a session may also set another role; an API key may not. Rate limit of anonymous
         *     callers: ten registrations per hour of a client address, because 409 reveals that the e-mail address has an
         *     account. 503 with the code `hashing-busy` means that too many passwords are being hashed.
         *
         *     Scope of an API key: `users:write`.
         */
        post: operations["usersCreate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/users/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The user's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath9"];
            };
            cookie?: never;
        };
        /**
         * Read an account
         * @description Users may read their own account, admins may read all accounts. `/api/authors/{id}` returns the
         *     public profile of an author.
         *
         *     Scope of an API key: `users:read`.
         */
        get: operations["usersGet"];
        put?: never;
        post?: never;
        /**
         * Delete an account
         * @description Also deletes the sessions and API keys of the account. Fails with 409 for a user with posts, comments
         *     or messages, and for the last active admin.
         */
        delete: operations["usersDelete"];
        options?: never;
        head?: never;
        /**
         * Update an account
         * @description A merge patch (RFC 7396). Only admins may change role, status and e-mail address. The last active
         *     admin can be neither demoted nor disabled. A new password, another role or another status revokes
         *     all other sessions of the account. After five wrong values of `currentPassword`, each further attempt is
         *     delayed, from one second up to 15 minutes. 503 with the code `hashing-busy` means that too many passwords
         *     are being hashed.
         */
        patch: operations["usersUpdate"];
        trace?: never;
    };
    "/api/v1/invoices": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List invoices in their original currencies
         * @deprecated
         * @description Deprecated: use `/api/v2/invoices`. This version ends on 21 November 2027. Newest invoices come first.
         *     Clients from configured countries are redirected to their locale in version 2, unless the request
         *     contains `geo=off`.
         *
         *     Scope of an API key: `invoices:read`.
         */
        get: operations["invoicesListV1"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/customers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List customers by name
         * @description Each customer includes the number of its invoices, unless `fields` omits it.
         *
         *     Scope of an API key: `customers:read`.
         */
        get: operations["customersList"];
        put?: never;
        /**
         * Create a customer
         * @description The e-mail address must be unique (409).
         *
         *     Scope of an API key: `customers:write`.
         */
        post: operations["customersCreate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/customers/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The customer's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        /**
         * Get a customer
         * @description The customer includes the number of its invoices.
         *
         *     Scope of an API key: `customers:read`.
         */
        get: operations["customersGet"];
        /**
         * Replace a customer
         * @description Fields that are omitted are cleared.
         *
         *     Scope of an API key: `customers:write`.
         */
        put: operations["customersReplace"];
        post?: never;
        /**
         * Delete a customer
         * @description A customer with invoices cannot be deleted (409).
         *
         *     Scope of an API key: `customers:write`.
         */
        delete: operations["customersDelete"];
        options?: never;
        head?: never;
        /**
         * Update a customer
         * @description The body is a JSON merge patch (RFC 7396). Invoices show the new name at once.
         *
         *     Scope of an API key: `customers:write`.
         */
        patch: operations["customersUpdate"];
        trace?: never;
    };
    "/api/v2/dashboard": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the billing dashboard
         * @description Returns totals, the last twelve months, the latest five invoices and exchange rates, with all amounts
         *     in one currency. The parts are loaded concurrently. A part that fails or takes longer than two seconds
         *     is omitted and named in `failed`.
         *
         *     Scope of an API key: `dashboard:read`.
         */
        get: operations["dashboardGet"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/invoice-exports/{locale}/csv": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The locale, such as `en-us` or `fr`.
                 * @example en-us
                 */
                locale: components["parameters"]["LocalePath"];
            };
            cookie?: never;
        };
        /**
         * Export invoices as CSV
         * @description Streams all invoices that match the filter as CSV (RFC 4180, UTF-8) with a header line, in the
         *     currency of the locale. All rows are from one database snapshot. An apostrophe precedes text that a
         *     spreadsheet would evaluate as a formula. An error during the export aborts the connection: the file is
         *     then incomplete.
         *
         *     Scope of an API key: `invoices:read`.
         */
        get: operations["invoicesExportCsv"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/invoice-exports/{locale}/ndjson": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The locale, such as `en-us` or `fr`.
                 * @example en-us
                 */
                locale: components["parameters"]["LocalePath"];
            };
            cookie?: never;
        };
        /**
         * Export invoices as NDJSON
         * @description Streams all invoices that match the filter with one JSON object per line, in the currency of the
         *     locale. All lines are from one database snapshot. An error during the export aborts the connection:
         *     the file is then incomplete.
         *
         *     Scope of an API key: `invoices:read`.
         */
        get: operations["invoicesExportNdjson"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/invoices": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Redirect to the invoices in the client's language
         * @description Redirects to the locale that matches `Accept-Language` best, or to the first configured locale.
         *
         *     Scope of an API key: `invoices:read`.
         */
        get: operations["invoicesRedirectToLocale"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/invoices/{locale}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The locale, such as `en-us` or `fr`.
                 * @example en-us
                 */
                locale: components["parameters"]["LocalePath"];
            };
            cookie?: never;
        };
        /**
         * List invoices in the currency of a locale, newest first
         * @description The amount of an invoice in another currency is converted. `original` contains the original amount and
         *     the rate.
         *
         *     Scope of an API key: `invoices:read`.
         */
        get: operations["invoicesList"];
        put?: never;
        /**
         * Create an invoice
         * @description The amount is in minor units of the currency of the locale.
         *
         *     Scope of an API key: `invoices:write`.
         */
        post: operations["invoicesCreate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/invoices/{locale}/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The locale, such as `en-us` or `fr`.
                 * @example en-us
                 */
                locale: components["parameters"]["LocalePath"];
                /**
                 * @description The invoice's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath7"];
            };
            cookie?: never;
        };
        /**
         * Get an invoice
         * @description The amount is in the currency of the locale. If it was converted, `original` contains the original
         *     amount and the rate. `payments` contains the payments that providers reported.
         *
         *     Scope of an API key: `invoices:read`.
         */
        get: operations["invoicesGet"];
        /**
         * Replace an invoice
         * @description A draft can become pending, paid or void; a pending invoice can become draft, paid or void; a paid
         *     invoice can become void. All other fields of paid and void invoices are read-only. The amount can
         *     change only in a locale with the currency of the invoice. Other changes return 409.
         *
         *     Scope of an API key: `invoices:write`.
         */
        put: operations["invoicesReplace"];
        post?: never;
        /**
         * Delete an invoice
         * @description An invoice that is or was paid, or that has payments, cannot be deleted, even if it is void (409).
         *
         *     Scope of an API key: `invoices:write`.
         */
        delete: operations["invoicesDelete"];
        options?: never;
        head?: never;
        /**
         * Update an invoice
         * @description The body is a JSON merge patch (RFC 7396). The rules of replacing an invoice apply.
         *
         *     Scope of an API key: `invoices:write`.
         */
        patch: operations["invoicesUpdate"];
        trace?: never;
    };
    "/api/v2/invoices/{locale}/{id}/pdf": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The locale, such as `en-us` or `fr`.
                 * @example en-us
                 */
                locale: components["parameters"]["LocalePath"];
                /**
                 * @description The invoice's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath7"];
            };
            cookie?: never;
        };
        /**
         * Get an invoice as PDF
         * @description Renders one page in the language and the currency of the locale. The same version of an invoice always
         *     has the same bytes.
         *
         *     Scope of an API key: `invoices:read`.
         */
        get: operations["invoicesGetPdf"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/revenues": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Redirect to the revenues in the client's language
         * @description Redirects to the locale that matches `Accept-Language` best, or to the first configured locale.
         *
         *     Scope of an API key: `revenues:read`.
         */
        get: operations["revenuesRedirectToLocale"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/revenues/{locale}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The locale, such as `en-us` or `fr`.
                 * @example en-us
                 */
                locale: components["parameters"]["LocalePath"];
            };
            cookie?: never;
        };
        /**
         * List revenues by month
         * @description Lists every month from the first with a revenue to the current one (UTC), at least twelve. A month
         *     without revenue has the amount 0. Amounts are in the currency of the locale; `originals` contains the
         *     converted amounts and their rates.
         *
         *     Scope of an API key: `revenues:read`.
         */
        get: operations["revenuesList"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/revenues/{locale}/{month}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The locale, such as `en-us` or `fr`.
                 * @example en-us
                 */
                locale: components["parameters"]["LocalePath"];
                /**
                 * @description The month, such as `2026-11`.
                 * @example 2026-11
                 */
                month: string;
            };
            cookie?: never;
        };
        /**
         * Get the revenue of a month
         * @description The response is the same as in the list. A month without revenue and a future month have the amount 0.
         *
         *     Scope of an API key: `revenues:read`.
         */
        get: operations["revenuesGet"];
        /**
         * Create or replace the figure of a month
         * @description The figure is an amount in the currency of the locale, as an import would store it. It replaces the
         *     sum of the paid invoices of that month. With `If-None-Match: *`, it is created only if the month has
         *     no figure.
         *
         *     Scope of an API key: `revenues:write`.
         */
        put: operations["revenuesReplace"];
        post?: never;
        /**
         * Delete the figure of a month
         * @description The revenue of the month is then the sum of its paid invoices again. A month without an imported or
         *     written figure returns 404.
         *
         *     Scope of an API key: `revenues:write`.
         */
        delete: operations["revenuesDelete"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/webhook-deliveries/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The id of the delivery.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath2"];
            };
            cookie?: never;
        };
        /**
         * Get a delivery
         * @description Returns the state of the delivery and the last response of the endpoint. An API key needs the scope of
         *     the topic of the event (403).
         *
         *     Scope of an API key: `webhook-deliveries:read`.
         */
        get: operations["webhookDeliveriesGet"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/webhook-deliveries/{id}/replay": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The id of the delivery.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath2"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Replay a delivery
         * @description Sends a delivered or failed delivery again, with the same `webhook-id` and body. An API key needs the
         *     scope of the topic of the event (403).
         *
         *     Scope of an API key: `webhook-deliveries:write`.
         */
        post: operations["webhookDeliveriesReplay"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/webhook-endpoints": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List webhook endpoints
         * @description Newest first. The response does not contain the secrets.
         *
         *     Scope of an API key: `webhook-endpoints:read`.
         */
        get: operations["webhookEndpointsList"];
        put?: never;
        /**
         * Create a webhook endpoint
         * @description The endpoint receives the events that occur from now on. An API key needs the scopes of all topics in
         *     `events` (403). At most 100 endpoints can exist (409). The field `secret` is returned only in this
         *     response, and the values of `headers` never. Because it is a secret, the response is not stored: the operation
         *     does not accept an
         *     `Idempotency-Key`.
         *
         *     Scope of an API key: `webhook-endpoints:write`.
         */
        post: operations["webhookEndpointsCreate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/webhook-endpoints/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The id of the endpoint.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath4"];
            };
            cookie?: never;
        };
        /**
         * Get a webhook endpoint
         * @description The response does not contain the secret.
         *
         *     Scope of an API key: `webhook-endpoints:read`.
         */
        get: operations["webhookEndpointsGet"];
        put?: never;
        post?: never;
        /**
         * Delete a webhook endpoint
         * @description Sends no further deliveries. The deliveries of the endpoint are inaccessible from now on; a background
         *     job deletes the rows. An API key needs the scopes of all topics in `events` (403).
         *
         *     Scope of an API key: `webhook-endpoints:write`.
         */
        delete: operations["webhookEndpointsDelete"];
        options?: never;
        head?: never;
        /**
         * Update a webhook endpoint
         * @description The body is a merge patch (RFC 7396). `headers` replaces all custom headers of the endpoint. An endpoint that is
         *     enabled again receives the events that occur from then on. An API key needs the scopes of all topics in the old
         *     and in the new `events`, and for a new `url` also the scopes of all pending deliveries (403).
         *
         *     Scope of an API key: `webhook-endpoints:write`.
         */
        patch: operations["webhookEndpointsUpdate"];
        trace?: never;
    };
    "/api/webhook-endpoints/{id}/deliveries": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The id of the endpoint.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath4"];
            };
            cookie?: never;
        };
        /**
         * List the deliveries of a webhook endpoint
         * @description Newest first. Ended deliveries are stored for 30 days. With an API key, the list contains tests and
         *     the deliveries of the topics that the key has scopes for.
         *
         *     Scope of an API key: `webhook-endpoints:read`.
         */
        get: operations["webhookEndpointsListDeliveries"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/webhook-endpoints/{id}/rotate-secret": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The id of the endpoint.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath4"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Rotate the secret of a webhook endpoint
         * @description For another 24 hours deliveries are also signed with the old secret, so that the receiver can switch.
         *     An API key needs the scopes of all topics in `events` (403).
         *
         *     Scope of an API key: `webhook-endpoints:write`.
         */
        post: operations["webhookEndpointsRotateSecret"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/webhook-endpoints/{id}/test": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The id of the endpoint.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath4"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Send a test event to a webhook endpoint
         * @description Enqueues an event of the type `webhook.test`, independent of the filter in `events`.
         *
         *     Scope of an API key: `webhook-endpoints:write`.
         */
        post: operations["webhookEndpointsTest"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/webhook-events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List webhook events
         * @description Newest first by default, without the bodies.
         *
         *     Scope of an API key: `webhook-events:read`.
         */
        get: operations["webhookEventsList"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/webhook-events/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The id of the event.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath5"];
            };
            cookie?: never;
        };
        /**
         * Get a webhook event
         * @description The response contains the body as received.
         *
         *     Scope of an API key: `webhook-events:read`.
         */
        get: operations["webhookEventsGet"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/webhook-events/{id}/replay": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The id of the event.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath5"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Replay a webhook event
         * @description Enqueues the event again, in any state. If its job is still queued, that job is used. An effect that
         *     was already applied is not applied again.
         *
         *     Scope of an API key: `webhook-events:write`.
         */
        post: operations["webhookEventsReplay"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/webhooks/github": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Receive an event from GitHub
         * @description Verification and repeated events work as for Stripe. `X-GitHub-Delivery` identifies the event and
         *     `X-GitHub-Event` is its type. The signature does not cover these headers, so an equal body within an hour is a
         *     repeated event too. The body is the JSON, or a form whose only field `payload` is the JSON.
         */
        post: operations["webhookEventsReceiveGithub"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/webhooks/paypal": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Receive an event from PayPal
         * @description Verification and repeated events work as for Stripe. Certificates are configured in advance: the URL
         *     in `PayPal-Cert-Url` is never requested.
         */
        post: operations["webhookEventsReceivePaypal"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/webhooks/stripe": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Receive an event from Stripe
         * @description The signature is verified over the raw bytes before the body is parsed; an invalid signature is
         *     rejected (400). A repeated event returns 200 and has no further effect, unless it failed: then it is
         *     enqueued again. Returns 404 if no Stripe secret is configured.
         */
        post: operations["webhookEventsReceiveStripe"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/livez": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Check liveness
         * @description Uses no other component. An orchestrator restarts a process that does not respond.
         */
        get: operations["healthGetLiveness"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/media/{key}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The last segment of the `url` of the image.
                 * @example 7d0f1c9a3b5e4f6081a2b3c4d5e6f708.jpg
                 */
                key: string;
            };
            cookie?: never;
        };
        /**
         * Get the bytes of an image
         * @description Returns the stored file or a resized or converted variant. A variant is made on the first request and
         *     stored. Readable without authentication; pages of other origins may embed it
         *     (`Cross-Origin-Resource-Policy: cross-origin`). Supports range requests (RFC 9110, section 14). Unknown query
         *     parameters are ignored.
         */
        get: operations["mediaGetFile"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/readyz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Check readiness
         * @description Returns 200 if the database accepts a write and has the current schema, the data folder has the minimum of
         *     free space, and the service is not stopping; otherwise 503.
         */
        get: operations["healthGetReadiness"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export interface webhooks {
    "channel.created": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Receive `channel.created`
         * @description A channel was created. Sent to each enabled webhook endpoint that subscribes to this event.
         */
        post: operations["webhooksChannelCreated"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "channel.updated": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Receive `channel.updated`
         * @description A channel, or the group of its readers, was changed. Sent to each enabled webhook endpoint that subscribes to this event.
         */
        post: operations["webhooksChannelUpdated"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "channel.deleted": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Receive `channel.deleted`
         * @description A channel was deleted, with all its messages. Sent to each enabled webhook endpoint that subscribes to this event.
         */
        post: operations["webhooksChannelDeleted"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "comment.created": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Receive `comment.created`
         * @description A comment was created. Sent to each enabled webhook endpoint that subscribes to this event.
         */
        post: operations["webhooksCommentCreated"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "comment.updated": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Receive `comment.updated`
         * @description The text or the visibility of a comment was changed. Sent to each enabled webhook endpoint that subscribes to this event.
         */
        post: operations["webhooksCommentUpdated"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "comment.deleted": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Receive `comment.deleted`
         * @description A comment was deleted. Sent to each enabled webhook endpoint that subscribes to this event.
         */
        post: operations["webhooksCommentDeleted"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "customer.created": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Receive `customer.created`
         * @description A customer was created. Sent to each enabled webhook endpoint that subscribes to this event.
         */
        post: operations["webhooksCustomerCreated"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "customer.updated": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Receive `customer.updated`
         * @description A customer was changed. Sent to each enabled webhook endpoint that subscribes to this event.
         */
        post: operations["webhooksCustomerUpdated"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "customer.deleted": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Receive `customer.deleted`
         * @description A customer was deleted. Sent to each enabled webhook endpoint that subscribes to this event.
         */
        post: operations["webhooksCustomerDeleted"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "document.created": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Receive `document.created`
         * @description A document was created. Sent to each enabled webhook endpoint that subscribes to this event.
         */
        post: operations["webhooksDocumentCreated"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "document.updated": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Receive `document.updated`
         * @description A document was changed. Sent to each enabled webhook endpoint that subscribes to this event.
         */
        post: operations["webhooksDocumentUpdated"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "document.deleted": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Receive `document.deleted`
         * @description A document was deleted. Sent to each enabled webhook endpoint that subscribes to this event.
         */
        post: operations["webhooksDocumentDeleted"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "document.restored": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Receive `document.restored`
         * @description A deleted document was restored. Sent to each enabled webhook endpoint that subscribes to this event.
         */
        post: operations["webhooksDocumentRestored"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "invoice.created": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Receive `invoice.created`
         * @description An invoice was created. Sent to each enabled webhook endpoint that subscribes to this event.
         */
        post: operations["webhooksInvoiceCreated"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "invoice.updated": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Receive `invoice.updated`
         * @description An invoice was changed, other than paid or voided. Sent to each enabled webhook endpoint that subscribes to this event.
         */
        post: operations["webhooksInvoiceUpdated"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "invoice.paid": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Receive `invoice.paid`
         * @description An invoice was paid. Sent to each enabled webhook endpoint that subscribes to this event.
         */
        post: operations["webhooksInvoicePaid"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "invoice.voided": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Receive `invoice.voided`
         * @description An invoice was voided. Sent to each enabled webhook endpoint that subscribes to this event.
         */
        post: operations["webhooksInvoiceVoided"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "invoice.deleted": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Receive `invoice.deleted`
         * @description An invoice was deleted. Sent to each enabled webhook endpoint that subscribes to this event.
         */
        post: operations["webhooksInvoiceDeleted"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "media.created": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Receive `media.created`
         * @description An image was uploaded. Sent to each enabled webhook endpoint that subscribes to this event.
         */
        post: operations["webhooksMediaCreated"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "media.updated": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Receive `media.updated`
         * @description The alternative text of an image was changed. Sent to each enabled webhook endpoint that subscribes to this event.
         */
        post: operations["webhooksMediaUpdated"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "media.deleted": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Receive `media.deleted`
         * @description An image was deleted. Sent to each enabled webhook endpoint that subscribes to this event.
         */
        post: operations["webhooksMediaDeleted"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "message.created": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Receive `message.created`
         * @description A message was posted in a channel. Sent to each enabled webhook endpoint that subscribes to this event.
         */
        post: operations["webhooksMessageCreated"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "message.updated": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Receive `message.updated`
         * @description A message was edited. Sent to each enabled webhook endpoint that subscribes to this event.
         */
        post: operations["webhooksMessageUpdated"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "message.deleted": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Receive `message.deleted`
         * @description A message was deleted. Sent to each enabled webhook endpoint that subscribes to this event.
         */
        post: operations["webhooksMessageDeleted"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "post.created": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Receive `post.created`
         * @description A post was created as a draft. Sent to each enabled webhook endpoint that subscribes to this event.
         */
        post: operations["webhooksPostCreated"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "post.updated": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Receive `post.updated`
         * @description A post was changed. Sent to each enabled webhook endpoint that subscribes to this event.
         */
        post: operations["webhooksPostUpdated"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "post.published": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Receive `post.published`
         * @description A post was published. Sent to each enabled webhook endpoint that subscribes to this event.
         */
        post: operations["webhooksPostPublished"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "post.unpublished": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Receive `post.unpublished`
         * @description A published post was turned back into a draft. Sent to each enabled webhook endpoint that subscribes to this event.
         */
        post: operations["webhooksPostUnpublished"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "post.deleted": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Receive `post.deleted`
         * @description A post was deleted. Sent to each enabled webhook endpoint that subscribes to this event.
         */
        post: operations["webhooksPostDeleted"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "post.restored": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Receive `post.restored`
         * @description A deleted post was restored. Sent to each enabled webhook endpoint that subscribes to this event.
         */
        post: operations["webhooksPostRestored"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "rates.updated": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Receive `rates.updated`
         * @description New exchange rates were fetched. Sent to each enabled webhook endpoint that subscribes to this event.
         */
        post: operations["webhooksRatesUpdated"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "redirect.created": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Receive `redirect.created`
         * @description A redirect rule was created. Sent to each enabled webhook endpoint that subscribes to this event.
         */
        post: operations["webhooksRedirectCreated"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "redirect.updated": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Receive `redirect.updated`
         * @description A redirect rule was changed. Sent to each enabled webhook endpoint that subscribes to this event.
         */
        post: operations["webhooksRedirectUpdated"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "redirects.imported": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Receive `redirects.imported`
         * @description Redirect rules were imported. Sent to each enabled webhook endpoint that subscribes to this event.
         */
        post: operations["webhooksRedirectsImported"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "redirect.deleted": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Receive `redirect.deleted`
         * @description A redirect rule was deleted. Sent to each enabled webhook endpoint that subscribes to this event.
         */
        post: operations["webhooksRedirectDeleted"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "revenue.updated": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Receive `revenue.updated`
         * @description The revenue of a month was set. Sent to each enabled webhook endpoint that subscribes to this event.
         */
        post: operations["webhooksRevenueUpdated"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "revenue.deleted": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Receive `revenue.deleted`
         * @description The revenue of a month was deleted. Sent to each enabled webhook endpoint that subscribes to this event.
         */
        post: operations["webhooksRevenueDeleted"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "tag.created": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Receive `tag.created`
         * @description A tag was created. Sent to each enabled webhook endpoint that subscribes to this event.
         */
        post: operations["webhooksTagCreated"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "tag.updated": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Receive `tag.updated`
         * @description A tag was changed. Sent to each enabled webhook endpoint that subscribes to this event.
         */
        post: operations["webhooksTagUpdated"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "tag.deleted": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Receive `tag.deleted`
         * @description A tag was deleted. Sent to each enabled webhook endpoint that subscribes to this event.
         */
        post: operations["webhooksTagDeleted"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "user.created": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Receive `user.created`
         * @description An account was created. Sent to each enabled webhook endpoint that subscribes to this event.
         */
        post: operations["webhooksUserCreated"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "user.updated": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Receive `user.updated`
         * @description An account was changed. Sent to each enabled webhook endpoint that subscribes to this event.
         */
        post: operations["webhooksUserUpdated"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "user.deleted": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Receive `user.deleted`
         * @description An account was deleted. Sent to each enabled webhook endpoint that subscribes to this event.
         */
        post: operations["webhooksUserDeleted"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "webhook.test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Receive `webhook.test`
         * @description An admin requested a test event. Sent to the tested endpoint, regardless of its subscriptions.
         */
        post: operations["webhooksWebhookTest"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    cloudevent: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Receive an event as a CloudEvent
         * @description Any of the events, for endpoints with the format `cloudevents`: the binary mode of CloudEvents 1.0. The type and the time are in headers; the body is `data` only.
         */
        post: operations["webhooksCloudEvent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export interface components {
    schemas: {
        /**
         * @description The kind of actor of an audit entry.
         * @enum {string}
         */
        ActorKind: "user" | "api-key" | "anonymous" | "job" | "cli" | "system";
        /**
         * @description An API key, without its secret.
         * @example {
         *       "id": "0199c0de-ab1e-7c3d-8e1f-2a3b4c5d6e7f",
         *       "name": "Site build",
         *       "scopes": [
         *         "posts:read",
         *         "tags:read"
         *       ],
         *       "owner": "0199c0de-1111-7c3d-8e1f-2a3b4c5d6e7f",
         *       "expiresAt": "2026-11-21T09:00:00.000Z",
         *       "lastUsedAt": "2025-11-22T09:00:00.000Z",
         *       "previousSecretUntil": "2025-11-22T09:00:00.000Z",
         *       "createdAt": "2025-11-21T09:00:00.000Z",
         *       "updatedAt": "2025-11-21T09:00:00.000Z"
         *     }
         */
        ApiKey: {
            /**
             * Format: uuid
             * @description The id of the key. It is part of the key itself.
             */
            id: string;
            /**
             * Format: line
             * @description A name for the key, chosen by its owner.
             */
            name: string;
            /** @description The scopes of the key. */
            scopes: components["schemas"]["Scope"][];
            /**
             * Format: uuid
             * @description The owner of the key. The key has the permissions of its owner, limited to its scopes.
             */
            owner: string;
            /**
             * Format: date-time
             * @description When the key expires; absent if it does not expire.
             */
            expiresAt?: string;
            /**
             * Format: date-time
             * @description When the key was last used, accurate to one minute; absent if it was never used.
             */
            lastUsedAt?: string;
            /**
             * Format: date-time
             * @description When the previous secret expires after a rotation; absent if only the current secret is valid.
             */
            previousSecretUntil?: string;
            /**
             * Format: date-time
             * @description When the key was created.
             */
            createdAt: string;
            /**
             * Format: date-time
             * @description When the key was last changed.
             */
            updatedAt: string;
        };
        /**
         * @description The request to create an API key.
         * @example {
         *       "name": "Site build",
         *       "scopes": [
         *         "posts:read",
         *         "tags:read"
         *       ],
         *       "expiresAt": "2026-11-21T09:00:00.000Z"
         *     }
         */
        ApiKeyInput: {
            /**
             * Format: line
             * @description A name for the key. Surrounding white space is removed.
             */
            name: string;
            /**
             * @description The scopes of the key. A scope that the role of the owner cannot use takes effect when the owner gets a role that
             *     can.
             */
            scopes: components["schemas"]["Scope"][];
            /**
             * Format: date-time
             * @description When the key expires: at most one year after its creation, which is the default. Admins may set a later time.
             */
            expiresAt?: string;
            /** @description `never` creates a key that does not expire. Only for admins, and not together with `expiresAt`. */
            expires?: components["schemas"]["Expiry"];
        };
        /** @description One page of a list. */
        ApiKeyPage: {
            /** @description The items of this page, in the requested order. */
            data: components["schemas"]["ApiKey"][];
            pagination: components["schemas"]["Pagination"];
        };
        /**
         * @description The actor of an audit entry.
         * @example {
         *       "kind": "user",
         *       "account": "0199c0de-1111-7c3d-8e1f-2a3b4c5d6e7f",
         *       "credential": "0199c0de-3333-7c3d-8e1f-2a3b4c5d6e7f"
         *     }
         */
        AuditActor: {
            /** @description The kind of actor. */
            kind: components["schemas"]["ActorKind"];
            /**
             * Format: uuid
             * @description The account.
             */
            account?: string;
            /**
             * Format: uuid
             * @description The session or the API key.
             */
            credential?: string;
            /** @description The kind of the job, or the command. */
            name?: string;
        };
        /**
         * @description A changed field.
         * @example {
         *       "field": "role",
         *       "from": "author",
         *       "to": "editor"
         *     }
         */
        AuditChange: {
            /** @description The name of the field. */
            field: string;
            /** @description The previous value. Absent if there was none, or if values of the field are not recorded. */
            from?: string;
            /** @description The new value. Absent if there is none, or if values of the field are not recorded. */
            to?: string;
        };
        /**
         * @description An entry of the audit log.
         * @example {
         *       "position": 4711,
         *       "at": "2025-11-21T10:30:00.000Z",
         *       "action": "user.updated",
         *       "resource": "users",
         *       "resourceId": "0199c0de-2222-7c3d-8e1f-2a3b4c5d6e7f",
         *       "actor": {
         *         "kind": "user",
         *         "account": "0199c0de-1111-7c3d-8e1f-2a3b4c5d6e7f",
         *         "credential": "0199c0de-3333-7c3d-8e1f-2a3b4c5d6e7f"
         *       },
         *       "address": "203.0.113.0/24",
         *       "requestId": "01a2239e-7ea5-70ea-bf3a-a800b908985c",
         *       "count": 1,
         *       "changes": [
         *         {
         *           "field": "role",
         *           "from": "author",
         *           "to": "editor"
         *         }
         *       ],
         *       "hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
         *     }
         */
        AuditEntry: {
            /**
             * Format: int64
             * @description The position in the log. Positions have no gaps, and ascend in commit order.
             */
            position: number;
            /**
             * Format: date-time
             * @description The time of the action.
             */
            at: string;
            /** @description The action: an event type, or one that the documentation of the audit log lists. */
            action: string;
            /** @description The kind of the resource. */
            resource: string;
            /** @description The id of the resource. Absent for actions on a whole collection, and for unknown accounts. */
            resourceId?: string;
            /** @description The actor. */
            actor: components["schemas"]["AuditActor"];
            /** @description The client address, as far as `log_client_address` permits. */
            address?: string;
            /** @description The id of the request. */
            requestId?: string;
            /** @description The reason of a failed authentication, such as `wrong-password`. */
            reason?: string;
            /**
             * Format: int32
             * @description The number of equal actions that the entry stands for. More than 1 only for repeated failures.
             */
            count: number;
            /** @description The changed fields. */
            changes: components["schemas"]["AuditChange"][];
            /** @description SHA-256 over the hash of the previous entry and this entry. */
            hash: string;
        };
        /** @description One page of a list. */
        AuditEntryPage: {
            /** @description The items of this page, in the requested order. */
            data: components["schemas"]["AuditEntry"][];
            pagination: components["schemas"]["Pagination"];
        };
        /**
         * @description The public profile of a user.
         * @example {
         *       "id": "0199c0de-1111-7c3d-8e1f-2a3b4c5d6e7f",
         *       "name": "Ada Turner",
         *       "bio": "Writes about wood and contracts.",
         *       "url": "https://ada.acme.test/",
         *       "avatarUrl": "https://www.acme.test/ada.webp",
         *       "postsCount": 12
         *     }
         */
        Author: {
            /**
             * Format: uuid
             * @description The user's id.
             */
            id: string;
            /**
             * Format: line
             * @description The display name.
             */
            name: string;
            /** @description A short biography. */
            bio?: string;
            /**
             * Format: web-url
             * @description The URL of the user's website.
             */
            url?: string;
            /**
             * Format: web-url
             * @description The URL of the avatar image.
             */
            avatarUrl?: string;
            /**
             * Format: int64
             * @description The number of published posts, as author or co-author.
             */
            postsCount: number;
        };
        /** @description One page of a list. */
        AuthorPage: {
            /** @description The items of this page, in the requested order. */
            data: components["schemas"]["Author"][];
            pagination: components["schemas"]["Pagination"];
        };
        /**
         * @description The author of a resource.
         * @example {
         *       "id": "0199c0de-1111-7c3d-8e1f-2a3b4c5d6e7f",
         *       "name": "Ada Turner",
         *       "avatarUrl": "https://www.acme.test/ada.webp",
         *       "bio": "Writes about wood and contracts."
         *     }
         */
        AuthorRef: {
            /**
             * Format: uuid
             * @description The user's id.
             */
            id: string;
            /**
             * Format: line
             * @description The display name.
             */
            name: string;
            /**
             * Format: web-url
             * @description The URL of the avatar image, if there is one.
             */
            avatarUrl?: string;
            /** @description A short biography of the author, if there is one. Lists include it only with `expand=author`. */
            bio?: string;
        };
        /**
         * @description Totals of all invoices and customers.
         * @example {
         *       "collected": 91234,
         *       "pending": 13584,
         *       "invoices": 13,
         *       "customers": 6
         *     }
         */
        Cards: {
            /**
             * Format: int64
             * @description The sum of all paid invoices in minor units.
             */
            collected: number;
            /**
             * Format: int64
             * @description The sum of all pending invoices in minor units.
             */
            pending: number;
            /**
             * Format: int64
             * @description The number of invoices, regardless of their status.
             */
            invoices: number;
            /**
             * Format: int64
             * @description The number of customers.
             */
            customers: number;
        };
        /**
         * @description Kinds of changes that create a version.
         * @enum {string}
         */
        Change: "created" | "changed" | "imported" | "restored" | "deleted" | "undeleted" | "published" | "unpublished";
        /**
         * @description A chat channel.
         * @example {
         *       "id": "0199c0de-5a5a-7c3d-8e1f-2a3b4c5d6e71",
         *       "name": "Workshop",
         *       "description": "Daily work in the workshop.",
         *       "audience": "public",
         *       "createdAt": "2025-11-21T10:30:00.000Z",
         *       "updatedAt": "2025-11-21T10:30:00.000Z"
         *     }
         */
        Channel: {
            /**
             * Format: uuid
             * @description The id of the channel.
             */
            id: string;
            /**
             * Format: line
             * @description The unique name.
             */
            name: string;
            /** @description The purpose of the channel. */
            description?: string;
            /** @description The callers that can read the channel. */
            audience: components["schemas"]["ChannelAudience"];
            /**
             * Format: date-time
             * @description The time of creation.
             */
            createdAt: string;
            /**
             * Format: date-time
             * @description The time of the last update of the channel. Messages do not change it.
             */
            updatedAt: string;
        };
        /**
         * @description The callers that can read a channel. Writing always requires authentication.
         * @enum {string}
         */
        ChannelAudience: "public" | "accounts" | "staff";
        /**
         * @description A channel to create.
         * @example {
         *       "name": "Workshop",
         *       "description": "Daily work in the workshop.",
         *       "audience": "public"
         *     }
         */
        ChannelInput: {
            /**
             * Format: line
             * @description The unique name, on one line. Leading and trailing spaces are removed.
             */
            name: string;
            /** @description The purpose of the channel. */
            description?: string;
            /** @description The callers that can read the channel. */
            audience: components["schemas"]["ChannelAudience"];
        };
        /** @description One page of a list. */
        ChannelPage: {
            /** @description The items of this page, in the requested order. */
            data: components["schemas"]["Channel"][];
            pagination: components["schemas"]["Pagination"];
        };
        /**
         * @description A merge patch (RFC 7396): omitted fields are unchanged, `null` clears a field.
         * @example {
         *       "name": "Workshop",
         *       "description": "Daily work in the workshop.",
         *       "audience": "public"
         *     }
         */
        ChannelPatch: {
            /**
             * Format: line
             * @description The unique name, on one line. Leading and trailing spaces are removed.
             */
            name?: string;
            /** @description The purpose of the channel. `null` clears it. */
            description?: string | null;
            /** @description The callers that can read the channel, including its existing messages. */
            audience?: components["schemas"]["ChannelAudience"];
        };
        /**
         * @description A comment on a post.
         * @example {
         *       "id": "0199c0de-3333-7c3d-8e1f-2a3b4c5d6e7f",
         *       "postId": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *       "parentId": "0199c0de-3332-7c3d-8e1f-2a3b4c5d6e7f",
         *       "depth": 1,
         *       "author": {
         *         "id": "0199c0de-4444-7c3d-8e1f-2a3b4c5d6e7f",
         *         "name": "Ben Wood"
         *       },
         *       "content": "Does this work for a drawer as well?",
         *       "status": "approved",
         *       "post": {
         *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "slug": "a-joint-that-fits",
         *         "title": "A joint that fits"
         *       },
         *       "createdAt": "2025-11-21T10:30:00.000Z",
         *       "updatedAt": "2025-11-21T10:30:00.000Z"
         *     }
         */
        Comment: {
            /**
             * Format: uuid
             * @description The unique identifier.
             */
            id: string;
            /**
             * Format: uuid
             * @description The id of the post.
             */
            postId: string;
            /**
             * Format: uuid
             * @description The id of the parent comment; omitted unless the comment is a reply.
             */
            parentId?: string;
            /**
             * Format: int32
             * @description The depth in the thread: 0 for a comment on the post, 1 for a reply to it, up to 5.
             */
            depth: number;
            /** @description The author. */
            author: components["schemas"]["AuthorRef"];
            /**
             * Format: text
             * @description The content, as plain text.
             */
            content: string;
            /** @description The moderation status. */
            status: components["schemas"]["CommentStatus"];
            /** @description The post; included only with `expand=post`. */
            post?: components["schemas"]["PostRef"];
            /**
             * Format: date-time
             * @description The creation time.
             */
            createdAt: string;
            /**
             * Format: date-time
             * @description The time of the last change.
             */
            updatedAt: string;
        };
        /**
         * @description Relations that can be expanded.
         * @enum {string}
         */
        CommentExpand: "post";
        /**
         * @description A new comment.
         * @example {
         *       "content": "Does this work for a drawer as well?"
         *     }
         */
        CommentInput: {
            /**
             * Format: text
             * @description The content, as plain text; leading and trailing white space is removed.
             */
            content: string;
            /**
             * Format: uuid
             * @description The id of the parent comment, on the same post, for a reply.
             */
            parentId?: string;
        };
        /** @description One page of a list. */
        CommentPage: {
            /** @description The items of this page, in the requested order. */
            data: components["schemas"]["Comment"][];
            pagination: components["schemas"]["Pagination"];
        };
        /**
         * @description A merge patch for a comment: omitted fields are unchanged. Authors can change `content` for 15 minutes;
         *     only editors can change `status`.
         * @example {
         *       "content": "Does this work for drawers as well?",
         *       "status": "approved"
         *     }
         */
        CommentPatch: {
            /**
             * Format: text
             * @description The content, as plain text; leading and trailing white space is removed.
             */
            content?: string;
            /** @description The new moderation status; only for editors. */
            status?: components["schemas"]["CommentStatus"];
        };
        /**
         * @description Sort orders of comments.
         * @enum {string}
         */
        CommentSort: "createdAt" | "-createdAt";
        /**
         * @description The moderation status, which decides the visibility of a comment.
         * @enum {string}
         */
        CommentStatus: "pending" | "approved" | "rejected";
        /**
         * @description The count mode of a list.
         * @enum {string}
         */
        Count: "exact" | "none";
        /**
         * @description The credentials to sign in with.
         * @example {
         *       "email": "ada@acme.test",
         *       "password": "mortise and tenon",
         *       "cookie": true
         *     }
         */
        Credentials: {
            /** @description The e-mail address of the account. Case-insensitive. */
            email: string;
            /** @description The password. */
            password: string;
            /**
             * @description Whether to set a session cookie as well, for browsers.
             * @default false
             */
            cookie?: boolean;
        };
        /**
         * @description A customer.
         * @example {
         *       "id": "0199c0de-2222-7c3d-8e1f-2a3b4c5d6e7f",
         *       "name": "Evil Rabbit",
         *       "email": "evil@rabbit.acme.test",
         *       "imageUrl": "/customers/evil-rabbit.png",
         *       "invoicesCount": 1,
         *       "createdAt": "2025-11-20T09:00:00.000Z",
         *       "updatedAt": "2025-11-21T09:00:00.000Z"
         *     }
         */
        Customer: {
            /**
             * Format: uuid
             * @description The id of the customer. It never changes.
             */
            id: string;
            /**
             * Format: line
             * @description The name on invoices.
             */
            name: string;
            /** @description The e-mail address in lower case. Unique. */
            email: string;
            /**
             * Format: web-url
             * @description The URL of an image, or its path on the site.
             */
            imageUrl?: string;
            /**
             * Format: int64
             * @description The number of invoices of the customer, regardless of their status.
             */
            invoicesCount: number;
            /**
             * Format: date-time
             * @description When the customer was created.
             */
            createdAt: string;
            /**
             * Format: date-time
             * @description When the customer was last updated.
             */
            updatedAt: string;
        };
        /**
         * @description A customer to create, or the new state of a customer.
         * @example {
         *       "name": "Evil Rabbit",
         *       "email": "evil@rabbit.acme.test",
         *       "imageUrl": "/customers/evil-rabbit.png"
         *     }
         */
        CustomerInput: {
            /**
             * Format: line
             * @description The name on invoices: one line. Leading and trailing white space is removed.
             */
            name: string;
            /** @description The e-mail address. Stored in lower case. */
            email: string;
            /**
             * Format: web-url
             * @description The URL of an image (`https://…`), or its path on the site (`/…`).
             */
            imageUrl?: string;
        };
        /**
         * @description A merge patch (RFC 7396): omitted fields are unchanged, `null` clears a field.
         * @example {
         *       "name": "Evil Rabbit",
         *       "email": "evil@rabbit.acme.test",
         *       "imageUrl": "/customers/evil-rabbit.png"
         *     }
         */
        CustomerPatch: {
            /**
             * Format: line
             * @description The name on invoices: one line. Leading and trailing white space is removed.
             */
            name?: string;
            /** @description The e-mail address. Stored in lower case. */
            email?: string;
            /**
             * Format: web-url
             * @description The URL of an image (`https://…`), or its path on the site (`/…`). `null` clears it.
             */
            imageUrl?: string | null;
        };
        /**
         * @description The customer of another resource.
         * @example {
         *       "id": "0199c0de-2222-7c3d-8e1f-2a3b4c5d6e7f",
         *       "name": "Evil Rabbit",
         *       "email": "evil@rabbit.acme.test",
         *       "imageUrl": "/customers/evil-rabbit.png"
         *     }
         */
        CustomerRef: {
            /**
             * Format: uuid
             * @description The customer's id.
             */
            id: string;
            /**
             * Format: line
             * @description The name on invoices.
             */
            name: string;
            /** @description The e-mail address. */
            email: string;
            /**
             * Format: web-url
             * @description The URL of an image, or its path on the site.
             */
            imageUrl?: string;
        };
        /**
         * @description A customer in a list, with the fields that the parameter `fields` names.
         * @example {
         *       "id": "0199c0de-2222-7c3d-8e1f-2a3b4c5d6e7f",
         *       "name": "Evil Rabbit",
         *       "email": "evil@rabbit.acme.test",
         *       "imageUrl": "/customers/evil-rabbit.png",
         *       "invoicesCount": 1,
         *       "createdAt": "2025-11-20T09:00:00.000Z",
         *       "updatedAt": "2025-11-21T09:00:00.000Z"
         *     }
         */
        CustomerSummary: {
            /**
             * Format: uuid
             * @description The id of the customer. It never changes.
             */
            id: string;
            /**
             * Format: line
             * @description The name on invoices.
             */
            name?: string;
            /** @description The e-mail address in lower case. Unique. */
            email?: string;
            /**
             * Format: web-url
             * @description The URL of an image, or its path on the site.
             */
            imageUrl?: string;
            /**
             * Format: int64
             * @description The number of invoices of the customer, regardless of their status.
             */
            invoicesCount?: number;
            /**
             * Format: date-time
             * @description When the customer was created.
             */
            createdAt?: string;
            /**
             * Format: date-time
             * @description When the customer was last updated.
             */
            updatedAt?: string;
        };
        /** @description One page of a list. */
        CustomerSummaryPage: {
            /** @description The items of this page, in the requested order. */
            data: components["schemas"]["CustomerSummary"][];
            pagination: components["schemas"]["Pagination"];
        };
        /**
         * @description The billing dashboard in the currency of a locale. Parts that could not be loaded are omitted and named in
         *     `failed`.
         * @example {
         *       "locale": "fr",
         *       "currency": "EUR",
         *       "cards": {
         *         "collected": 91234,
         *         "pending": 13584,
         *         "invoices": 13,
         *         "customers": 6
         *       },
         *       "revenues": [
         *         {
         *           "month": "2025-11",
         *           "amount": 13584,
         *           "currency": "EUR",
         *           "source": "invoices",
         *           "originals": [
         *             {
         *               "amount": 15795,
         *               "currency": "USD",
         *               "rate": "0.86",
         *               "rateDate": "2025-11-21",
         *               "rateSource": "open.er-api.com",
         *               "rateState": "fresh"
         *             }
         *           ]
         *         }
         *       ],
         *       "latest": [
         *         {
         *           "id": "0199c0de-3333-7c3d-8e1f-2a3b4c5d6e7f",
         *           "number": 1,
         *           "customerId": "0199c0de-2222-7c3d-8e1f-2a3b4c5d6e7f",
         *           "customer": {
         *             "id": "0199c0de-2222-7c3d-8e1f-2a3b4c5d6e7f",
         *             "name": "Evil Rabbit",
         *             "email": "evil@rabbit.acme.test",
         *             "imageUrl": "/customers/evil-rabbit.png"
         *           },
         *           "amount": 13584,
         *           "currency": "EUR",
         *           "original": {
         *             "amount": 15795,
         *             "currency": "USD",
         *             "rate": "0.86",
         *             "rateDate": "2025-11-21",
         *             "rateSource": "open.er-api.com",
         *             "rateState": "fresh"
         *           },
         *           "status": "pending",
         *           "date": "2025-11-21"
         *         }
         *       ],
         *       "rates": [
         *         {
         *           "base": "USD",
         *           "currency": "EUR",
         *           "rate": "0.8612",
         *           "rateDate": "2026-11-20",
         *           "rateSource": "open.er-api.com",
         *           "rateState": "fresh",
         *           "fetchedAt": "2026-11-21T06:00:00.000Z"
         *         }
         *       ],
         *       "failed": []
         *     }
         */
        Dashboard: {
            /** @description The requested locale. */
            locale: string;
            /** @description The currency of the locale. */
            currency: string;
            /** @description Totals of all invoices and customers. */
            cards?: components["schemas"]["Cards"];
            /** @description The revenues of the last twelve months, in ascending order. */
            revenues?: components["schemas"]["Revenue"][];
            /** @description The latest five invoices by date, each with its customer. */
            latest?: components["schemas"]["InvoiceSummary"][];
            /** @description The exchange rates from the other currencies of the service to this currency. */
            rates?: components["schemas"]["Rate"][];
            /** @description The parts that could not be loaded in time. Repeat the request to get them. */
            failed: components["schemas"]["DashboardPart"][];
        };
        /**
         * @description A part of the dashboard.
         * @enum {string}
         */
        DashboardPart: "cards" | "revenues" | "latest" | "rates";
        /**
         * @description Filter for deleted resources.
         * @enum {string}
         */
        Deleted: "only";
        /**
         * @description The state of a delivery.
         * @enum {string}
         */
        DeliveryState: "pending" | "delivered" | "failed";
        /**
         * @description The reason why an endpoint is disabled.
         * @enum {string}
         */
        DisabledReason: "by-admin" | "gone" | "failing";
        /**
         * @description A document with its text.
         * @example {
         *       "id": "0199c0de-2222-7c3d-8e1f-2a3b4c5d6e7f",
         *       "path": "guides/getting-started",
         *       "title": "Getting started",
         *       "content": "# Getting started\n\nCut the tenon to the mortise.",
         *       "position": 1,
         *       "createdAt": "2025-11-21T09:00:00.000Z",
         *       "updatedAt": "2025-11-21T09:00:00.000Z"
         *     }
         */
        Document: {
            /**
             * Format: uuid
             * @description The unique, permanent identifier.
             */
            id: string;
            /** @description The path of the document in the tree. */
            path: string;
            /**
             * Format: text
             * @description The title.
             */
            title: string;
            /** @description The body text, in Markdown. */
            content: string;
            /**
             * Format: int64
             * @description The position in lists, ascending. Documents with the same position are sorted by path.
             */
            position: number;
            /**
             * Format: date-time
             * @description The creation time.
             */
            createdAt: string;
            /**
             * Format: date-time
             * @description The time of the last change.
             */
            updatedAt: string;
        };
        /**
         * @description A document at the path in the URL.
         * @example {
         *       "title": "Getting started",
         *       "content": "# Getting started\n\nCut the tenon to the mortise.",
         *       "position": 1
         *     }
         */
        DocumentByPathInput: {
            /**
             * Format: text
             * @description The title; leading and trailing white space is removed.
             */
            title: string;
            /** @description The body text, in Markdown. */
            content: string;
            /**
             * Format: int64
             * @description The position in lists, ascending.
             * @default 0
             */
            position?: number;
        };
        /**
         * @description A document to create, or the replacement of a document.
         * @example {
         *       "path": "guides/getting-started",
         *       "title": "Getting started",
         *       "content": "# Getting started\n\nCut the tenon to the mortise.",
         *       "position": 1
         *     }
         */
        DocumentInput: {
            /** @description The path of the document in the tree; must be unique. */
            path: string;
            /**
             * Format: text
             * @description The title; leading and trailing white space is removed.
             */
            title: string;
            /** @description The body text, in Markdown. */
            content: string;
            /**
             * Format: int64
             * @description The position in lists, ascending.
             * @default 0
             */
            position?: number;
        };
        /**
         * @description A merge patch (RFC 7396): omitted fields are unchanged.
         * @example {
         *       "path": "guides/getting-started",
         *       "title": "Getting started",
         *       "content": "# Getting started\n\nCut the tenon to the mortise.",
         *       "position": 1
         *     }
         */
        DocumentPatch: {
            /** @description The new path of the document; must be unique. Documents below it are not moved. */
            path?: string;
            /**
             * Format: text
             * @description The title; leading and trailing white space is removed.
             */
            title?: string;
            /** @description The body text, in Markdown. */
            content?: string;
            /**
             * Format: int64
             * @description The position in lists, ascending.
             */
            position?: number;
        };
        /**
         * @description A revision of a document with its content.
         * @example {
         *       "id": "0199c0de-3333-7c3d-8e1f-2a3b4c5d6e7f",
         *       "version": 3,
         *       "change": "changed",
         *       "by": {
         *         "id": "0199c0de-1111-7c3d-8e1f-2a3b4c5d6e7f",
         *         "name": "Ada Turner",
         *         "avatarUrl": "https://www.acme.test/ada.webp"
         *       },
         *       "createdAt": "2025-11-21T09:30:00.000Z",
         *       "document": {
         *         "path": "guides/getting-started",
         *         "title": "Getting started",
         *         "content": "# Getting started\n\nCut the tenon to the mortise.",
         *         "position": 1
         *       }
         *     }
         */
        DocumentRevision: {
            /**
             * Format: uuid
             * @description The unique identifier.
             */
            id: string;
            /**
             * Format: int64
             * @description The version number, from 1.
             */
            version: number;
            /** @description The kind of the change. */
            change: components["schemas"]["Change"];
            /**
             * Format: uuid
             * @description The id of the revision that this version restored; omitted for other changes.
             */
            restoredFrom?: string;
            /** @description The user who made the change; omitted for automatic changes and for deleted users. */
            by?: components["schemas"]["AuthorRef"];
            /**
             * Format: date-time
             * @description The time of the change.
             */
            createdAt: string;
            /** @description The editable fields of the document in this revision. */
            document: components["schemas"]["DocumentSnapshot"];
        };
        /**
         * @description The editable fields of a document at one time.
         * @example {
         *       "path": "guides/getting-started",
         *       "title": "Getting started",
         *       "content": "# Getting started\n\nCut the tenon to the mortise.",
         *       "position": 1
         *     }
         */
        DocumentSnapshot: {
            /** @description The path of the document in the tree. */
            path: string;
            /**
             * Format: text
             * @description The title.
             */
            title: string;
            /** @description The body text, in Markdown. */
            content: string;
            /**
             * Format: int64
             * @description The position in lists, ascending.
             */
            position: number;
        };
        /**
         * @description A document in a list, without its text.
         * @example {
         *       "id": "0199c0de-2222-7c3d-8e1f-2a3b4c5d6e7f",
         *       "path": "guides/getting-started",
         *       "title": "Getting started",
         *       "position": 1,
         *       "updatedAt": "2025-11-21T09:00:00.000Z"
         *     }
         */
        DocumentSummary: {
            /**
             * Format: uuid
             * @description The unique, permanent identifier.
             */
            id: string;
            /** @description The path of the document in the tree. */
            path: string;
            /**
             * Format: text
             * @description The title.
             */
            title: string;
            /**
             * Format: int64
             * @description The position in lists, ascending.
             */
            position: number;
            /**
             * Format: date-time
             * @description The time of the last change.
             */
            updatedAt: string;
            /**
             * Format: date-time
             * @description The deletion time; included only with `deleted=only`.
             */
            deletedAt?: string;
        };
        /** @description One page of a list. */
        DocumentSummaryPage: {
            /** @description The items of this page, in the requested order. */
            data: components["schemas"]["DocumentSummary"][];
            pagination: components["schemas"]["Pagination"];
        };
        /**
         * @description A custom header that is added to the deliveries of an endpoint.
         * @example {
         *       "name": "authorization",
         *       "value": "Bearer token-of-the-receiver"
         *     }
         */
        EndpointHeader: {
            /**
             * @description The name. Names that the sender sets (`Content-*`, `Webhook-*`, `Ce-*`, `User-Agent`, trace headers) and those that
             *     concern the connection (`Host`, `Proxy-*`, `TE`, `Upgrade` and others) are rejected.
             */
            name: string;
            /** @description The value. It is stored sealed and never returned. */
            value: string;
        };
        /**
         * @description Whether an endpoint receives deliveries.
         * @enum {string}
         */
        EndpointState: "enabled" | "disabled";
        /**
         * @description An event: a change of a resource.
         * @example {
         *       "id": "0199c0de-8888-7c3d-8e1f-2a3b4c5d6e7f",
         *       "position": 4711,
         *       "type": "post.published",
         *       "topic": "posts",
         *       "occurredAt": "2025-11-21T10:30:00.000Z",
         *       "data": {
         *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "href": "/api/posts/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "version": 3
         *       }
         *     }
         */
        Event: {
            /**
             * Format: uuid
             * @description The id of the event. Webhooks send it as `webhook-id`.
             */
            id: string;
            /**
             * Format: int64
             * @description The position in the event log. The stream sends it as the `id` of the event. Positions are not
             *     contiguous, because events that the caller cannot read are omitted.
             */
            position: number;
            /** @description The event type. */
            type: components["schemas"]["EventType"];
            /** @description The topic of the event type. */
            topic: components["schemas"]["Topic"];
            /**
             * Format: date-time
             * @description The time of the change.
             */
            occurredAt: string;
            /** @description The changed resource. */
            data: components["schemas"]["EventData"];
        };
        /**
         * @description The resource that an event refers to.
         * @example {
         *       "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *       "href": "/api/posts/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *       "version": 3
         *     }
         */
        EventData: {
            /** @description The id of the resource. */
            id: string;
            /** @description The URL of the resource: an absolute path on this server. */
            href: string;
            /**
             * Format: int64
             * @description The version of the resource after the change. Absent for resources without versions.
             */
            version?: number;
        };
        /**
         * @description The type of an event.
         * @enum {string}
         */
        EventType: "channel.created" | "channel.updated" | "channel.deleted" | "comment.created" | "comment.updated" | "comment.deleted" | "customer.created" | "customer.updated" | "customer.deleted" | "document.created" | "document.updated" | "document.deleted" | "document.restored" | "invoice.created" | "invoice.updated" | "invoice.paid" | "invoice.voided" | "invoice.deleted" | "media.created" | "media.updated" | "media.deleted" | "message.created" | "message.updated" | "message.deleted" | "post.created" | "post.updated" | "post.published" | "post.unpublished" | "post.deleted" | "post.restored" | "rates.updated" | "redirect.created" | "redirect.updated" | "redirects.imported" | "redirect.deleted" | "revenue.updated" | "revenue.deleted" | "tag.created" | "tag.updated" | "tag.deleted" | "user.created" | "user.updated" | "user.deleted";
        /**
         * @description An expiry that is not a time.
         * @enum {string}
         */
        Expiry: "never";
        /**
         * @description A field with different values in two revisions.
         * @example {
         *       "field": "title",
         *       "before": [
         *         "A joint"
         *       ],
         *       "after": [
         *         "A joint that fits"
         *       ]
         *     }
         */
        FieldChange: {
            /** @description The name of the field. */
            field: string;
            /** @description The old values as text: one for a single value, any number for a list, none for an omitted field. */
            before: string[];
            /** @description The new values as text, in the same form. */
            after: string[];
        };
        /**
         * @description Whether the country of the client is used.
         * @enum {string}
         */
        Geo: "auto" | "off";
        /**
         * @description The health of the service and its components.
         * @example {
         *       "status": "ok",
         *       "database": "ok",
         *       "storage": "ok",
         *       "rates": "ok"
         *     }
         */
        HealthReport: {
            /** @description The worst status of the components. */
            status: components["schemas"]["HealthStatus"];
            /** @description Whether the database accepts reads and writes and has the current schema. */
            database: components["schemas"]["HealthStatus"];
            /** @description Whether the data folder has the minimum of free space. */
            storage: components["schemas"]["HealthStatus"];
            /** @description Whether the last fetch of exchange rates succeeded. Absent if no source is configured. */
            rates?: components["schemas"]["HealthStatus"];
        };
        /**
         * @description The health of a component.
         * @enum {string}
         */
        HealthStatus: "ok" | "degraded";
        /**
         * @description An invoice in the currency of the locale.
         * @example {
         *       "id": "0199c0de-3333-7c3d-8e1f-2a3b4c5d6e7f",
         *       "number": 1,
         *       "customerId": "0199c0de-2222-7c3d-8e1f-2a3b4c5d6e7f",
         *       "customer": {
         *         "id": "0199c0de-2222-7c3d-8e1f-2a3b4c5d6e7f",
         *         "name": "Evil Rabbit",
         *         "email": "evil@rabbit.acme.test",
         *         "imageUrl": "/customers/evil-rabbit.png"
         *       },
         *       "amount": 13584,
         *       "currency": "EUR",
         *       "original": {
         *         "amount": 15795,
         *         "currency": "USD",
         *         "rate": "0.86",
         *         "rateDate": "2025-11-21",
         *         "rateSource": "open.er-api.com",
         *         "rateState": "fresh"
         *       },
         *       "status": "pending",
         *       "date": "2025-11-21",
         *       "payments": [
         *         {
         *           "id": "0199c0de-3434-7c3d-8e1f-2a3b4c5d6e7f",
         *           "provider": "stripe",
         *           "reference": "pi_3SVr2wGQ",
         *           "amount": 10000,
         *           "currency": "USD",
         *           "refunded": 0,
         *           "outcome": "amount-mismatch",
         *           "createdAt": "2025-11-21T09:00:00.000Z"
         *         }
         *       ],
         *       "createdAt": "2025-11-21T09:00:00.000Z",
         *       "updatedAt": "2025-11-21T09:00:00.000Z"
         *     }
         */
        Invoice: {
            /**
             * Format: uuid
             * @description The id of the invoice. It never changes.
             */
            id: string;
            /**
             * Format: int64
             * @description The number of the invoice. Numbers ascend from 1.
             */
            number: number;
            /**
             * Format: uuid
             * @description The id of the customer.
             */
            customerId: string;
            /** @description The customer, with `expand=customer`. */
            customer?: components["schemas"]["CustomerRef"];
            /**
             * Format: int64
             * @description The amount in minor units of `currency`.
             */
            amount: number;
            /** @description The currency of the locale. */
            currency: string;
            /** @description The original amount, if it is in another currency and was converted for this response. */
            original?: components["schemas"]["Original"];
            /** @description The status of the invoice. */
            status: components["schemas"]["InvoiceStatus"];
            /**
             * Format: date
             * @description The date of the invoice.
             */
            date: string;
            /** @description The payments that providers reported, newest first. At most 100 are listed. */
            payments: components["schemas"]["Payment"][];
            /**
             * Format: date-time
             * @description When the invoice was created.
             */
            createdAt: string;
            /**
             * Format: date-time
             * @description When the invoice was last updated.
             */
            updatedAt: string;
        };
        /**
         * @description The related resources that a response may include.
         * @enum {string}
         */
        InvoiceExpand: "customer";
        /**
         * @description An invoice to create, or the new state of an invoice, in the currency of the locale.
         * @example {
         *       "customerId": "0199c0de-2222-7c3d-8e1f-2a3b4c5d6e7f",
         *       "amount": 15795,
         *       "status": "pending",
         *       "date": "2025-11-21"
         *     }
         */
        InvoiceInput: {
            /**
             * Format: uuid
             * @description The id of the customer.
             */
            customerId: string;
            /**
             * Format: int64
             * @description The amount in minor units of the locale's currency.
             */
            amount: number;
            /** @description The status of the invoice. */
            status: components["schemas"]["InvoiceStatus"];
            /**
             * Format: date
             * @description The date of the invoice. Default: the current day in UTC.
             */
            date?: string;
        };
        /**
         * @description A merge patch (RFC 7396): omitted fields are unchanged.
         * @example {
         *       "customerId": "0199c0de-2222-7c3d-8e1f-2a3b4c5d6e7f",
         *       "amount": 15795,
         *       "status": "pending",
         *       "date": "2025-11-21"
         *     }
         */
        InvoicePatch: {
            /**
             * Format: uuid
             * @description The id of the customer.
             */
            customerId?: string;
            /**
             * Format: int64
             * @description The amount in minor units of the original currency.
             */
            amount?: number;
            /** @description The status of the invoice. */
            status?: components["schemas"]["InvoiceStatus"];
            /**
             * Format: date
             * @description The date of the invoice.
             */
            date?: string;
        };
        /**
         * @description The status of an invoice.
         * @enum {string}
         */
        InvoiceStatus: "draft" | "pending" | "paid" | "void";
        /**
         * @description An invoice in a list, with the fields that the parameter `fields` names.
         * @example {
         *       "id": "0199c0de-3333-7c3d-8e1f-2a3b4c5d6e7f",
         *       "number": 1,
         *       "customerId": "0199c0de-2222-7c3d-8e1f-2a3b4c5d6e7f",
         *       "customer": {
         *         "id": "0199c0de-2222-7c3d-8e1f-2a3b4c5d6e7f",
         *         "name": "Evil Rabbit",
         *         "email": "evil@rabbit.acme.test",
         *         "imageUrl": "/customers/evil-rabbit.png"
         *       },
         *       "amount": 13584,
         *       "currency": "EUR",
         *       "original": {
         *         "amount": 15795,
         *         "currency": "USD",
         *         "rate": "0.86",
         *         "rateDate": "2025-11-21",
         *         "rateSource": "open.er-api.com",
         *         "rateState": "fresh"
         *       },
         *       "status": "pending",
         *       "date": "2025-11-21"
         *     }
         */
        InvoiceSummary: {
            /**
             * Format: uuid
             * @description The id of the invoice. It never changes.
             */
            id: string;
            /**
             * Format: int64
             * @description The number of the invoice. Numbers ascend from 1.
             */
            number?: number;
            /**
             * Format: uuid
             * @description The id of the customer.
             */
            customerId?: string;
            /** @description The customer, with `expand=customer` or if `fields` names it. */
            customer?: components["schemas"]["CustomerRef"];
            /**
             * Format: int64
             * @description The amount in minor units of `currency`.
             */
            amount?: number;
            /** @description The currency of the locale. Present with the amount. */
            currency?: string;
            /** @description The original amount, if it is in another currency. Present with the amount. */
            original?: components["schemas"]["Original"];
            /** @description The status of the invoice. */
            status?: components["schemas"]["InvoiceStatus"];
            /**
             * Format: date
             * @description The date of the invoice.
             */
            date?: string;
        };
        /** @description One page of a list. */
        InvoiceSummaryPage: {
            /** @description The items of this page, in the requested order. */
            data: components["schemas"]["InvoiceSummary"][];
            pagination: components["schemas"]["Pagination"];
        };
        /**
         * @description An API key with its secret, which is returned only once.
         * @example {
         *       "id": "0199c0de-ab1e-7c3d-8e1f-2a3b4c5d6e7f",
         *       "name": "Site build",
         *       "scopes": [
         *         "posts:read",
         *         "tags:read"
         *       ],
         *       "owner": "0199c0de-1111-7c3d-8e1f-2a3b4c5d6e7f",
         *       "expiresAt": "2026-11-21T09:00:00.000Z",
         *       "lastUsedAt": "2025-11-22T09:00:00.000Z",
         *       "previousSecretUntil": "2025-11-22T09:00:00.000Z",
         *       "createdAt": "2025-11-21T09:00:00.000Z",
         *       "updatedAt": "2025-11-21T09:00:00.000Z",
         *       "key": "tenon_0199c0deab1e7c3d8e1f2a3b4c5d6e7f_EXAMPLE-of-a-secret-EXAMPLE-of-a-secret-EXA"
         *     }
         */
        IssuedApiKey: {
            /**
             * Format: uuid
             * @description The id of the key. It is part of the key itself.
             */
            id: string;
            /**
             * Format: line
             * @description A name for the key, chosen by its owner.
             */
            name: string;
            /** @description The scopes of the key. */
            scopes: components["schemas"]["Scope"][];
            /**
             * Format: uuid
             * @description The owner of the key. The key has the permissions of its owner, limited to its scopes.
             */
            owner: string;
            /**
             * Format: date-time
             * @description When the key expires; absent if it does not expire.
             */
            expiresAt?: string;
            /**
             * Format: date-time
             * @description When the key was last used, accurate to one minute; absent if it was never used.
             */
            lastUsedAt?: string;
            /**
             * Format: date-time
             * @description When the previous secret expires after a rotation; absent if only the current secret is valid.
             */
            previousSecretUntil?: string;
            /**
             * Format: date-time
             * @description When the key was created.
             */
            createdAt: string;
            /**
             * Format: date-time
             * @description When the key was last changed.
             */
            updatedAt: string;
            /** @description The key itself. Send it as `Authorization: Bearer …`. */
            key: string;
        };
        /**
         * @description A webhook endpoint with its secret. The secret is returned only when it is created or rotated.
         * @example {
         *       "id": "0199c0de-9a9a-7c3d-8e1f-2a3b4c5d6e71",
         *       "url": "https://hooks.acme.test/tenon",
         *       "description": "Notifies the warehouse of paid invoices.",
         *       "events": [
         *         "invoice.paid",
         *         "posts"
         *       ],
         *       "format": "standard",
         *       "headerNames": [
         *         "authorization"
         *       ],
         *       "state": "enabled",
         *       "createdAt": "2025-11-21T10:30:00.000Z",
         *       "updatedAt": "2025-11-21T10:30:00.000Z",
         *       "secret": "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
         *     }
         */
        IssuedWebhookEndpoint: {
            /**
             * Format: uuid
             * @description The id of the endpoint.
             */
            id: string;
            /** @description The URL that receives the deliveries. */
            url: string;
            /** @description The purpose of the endpoint. */
            description?: string;
            /** @description The event types and topics that the endpoint receives. Empty: all events. */
            events: ("channels" | "comments" | "customers" | "documents" | "invoices" | "media" | "messages" | "posts" | "rates" | "redirects" | "revenues" | "tags" | "users" | "channel.created" | "channel.updated" | "channel.deleted" | "comment.created" | "comment.updated" | "comment.deleted" | "customer.created" | "customer.updated" | "customer.deleted" | "document.created" | "document.updated" | "document.deleted" | "document.restored" | "invoice.created" | "invoice.updated" | "invoice.paid" | "invoice.voided" | "invoice.deleted" | "media.created" | "media.updated" | "media.deleted" | "message.created" | "message.updated" | "message.deleted" | "post.created" | "post.updated" | "post.published" | "post.unpublished" | "post.deleted" | "post.restored" | "rates.updated" | "redirect.created" | "redirect.updated" | "redirects.imported" | "redirect.deleted" | "revenue.updated" | "revenue.deleted" | "tag.created" | "tag.updated" | "tag.deleted" | "user.created" | "user.updated" | "user.deleted")[];
            /** @description The format of the deliveries. */
            format: components["schemas"]["WebhookFormat"];
            /** @description The names of the custom headers that are added to the deliveries. The values are never returned. */
            headerNames: string[];
            /** @description Whether the endpoint receives deliveries. */
            state: components["schemas"]["EndpointState"];
            /** @description The reason why the endpoint is disabled. Absent if it is enabled. */
            disabledReason?: components["schemas"]["DisabledReason"];
            /**
             * Format: date-time
             * @description The time until which deliveries are also signed with the previous secret.
             */
            previousSecretUntil?: string;
            /**
             * Format: date-time
             * @description The time of creation.
             */
            createdAt: string;
            /**
             * Format: date-time
             * @description The time of the last update.
             */
            updatedAt: string;
            /** @description The secret that signs the deliveries: `whsec_` and the key in base64. */
            secret: string;
        };
        /**
         * @description A background job.
         * @example {
         *       "id": "0199c0de-9999-7c3d-8e1f-2a3b4c5d6e7f",
         *       "kind": "service.sweep",
         *       "state": "done",
         *       "runAt": "2025-11-21T10:30:00.000Z",
         *       "attempts": 1,
         *       "maxAttempts": 8,
         *       "createdAt": "2025-11-21T10:30:00.000Z",
         *       "updatedAt": "2025-11-21T10:30:00.250Z",
         *       "finishedAt": "2025-11-21T10:30:00.250Z"
         *     }
         */
        Job: {
            /**
             * Format: uuid
             * @description The id of the job.
             */
            id: string;
            /** @description The kind of work. */
            kind: string;
            /** @description The state of the job. */
            state: components["schemas"]["JobState"];
            /**
             * Format: date-time
             * @description The time of the next attempt, or of the last one if the job has ended.
             */
            runAt: string;
            /**
             * Format: int32
             * @description The number of attempts since the job was enqueued or retried.
             */
            attempts: number;
            /**
             * Format: int32
             * @description The number of attempts after which the job is dead. Absent if it is retried without limit.
             */
            maxAttempts?: number;
            /** @description The error of the last attempt. */
            lastError?: string;
            /**
             * Format: date-time
             * @description The time when the job was first enqueued.
             */
            createdAt: string;
            /**
             * Format: date-time
             * @description The time of the last update.
             */
            updatedAt: string;
            /**
             * Format: date-time
             * @description The time when the job ended, as `done` or as `dead`.
             */
            finishedAt?: string;
        };
        /** @description One page of a list. */
        JobPage: {
            /** @description The items of this page, in the requested order. */
            data: components["schemas"]["Job"][];
            pagination: components["schemas"]["Pagination"];
        };
        /**
         * @description The state of a job.
         * @enum {string}
         */
        JobState: "ready" | "running" | "done" | "dead";
        /**
         * @description The signature algorithm of a public key.
         * @enum {string}
         */
        JwkAlgorithm: "EdDSA";
        /**
         * @description The curve of a public key.
         * @enum {string}
         */
        JwkCurve: "Ed25519";
        /**
         * @description The type of a public key.
         * @enum {string}
         */
        JwkKeyType: "OKP";
        /**
         * @description The public keys that access tokens are signed with (RFC 7517).
         * @example {
         *       "keys": [
         *         {
         *           "kty": "OKP",
         *           "crv": "Ed25519",
         *           "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
         *           "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
         *           "use": "sig",
         *           "alg": "EdDSA"
         *         }
         *       ]
         *     }
         */
        JwkSet: {
            /** @description The keys, newest first. */
            keys: components["schemas"]["PublicKey"][];
        };
        /**
         * @description The use of a public key.
         * @enum {string}
         */
        JwkUse: "sig";
        /**
         * @description The result of a liveness or readiness check.
         * @example {
         *       "status": "ok"
         *     }
         */
        Liveness: {
            /** @description Always `ok` in a 200 response. */
            status: components["schemas"]["HealthStatus"];
        };
        /**
         * @description The tokens of a session. They are returned only once.
         * @example {
         *       "accessToken": "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFZERTQSJ9.eyJzdWIiOiIwMTk5YzBkZSJ9.c2lnbmF0dXJl",
         *       "tokenType": "Bearer",
         *       "expiresIn": 900,
         *       "refreshToken": "RcZ0mG3s1xv0J2b8cY5q4nT7uWkL9pXeVtHfDgSaQ1o.9kq3mVx0Y2nZr8sT1uWcB4gL5pXeVtHfDgSaQ1oJ7bE",
         *       "user": {
         *         "id": "0199c0de-1111-7c3d-8e1f-2a3b4c5d6e7f",
         *         "email": "ada@acme.test",
         *         "name": "Ada Turner",
         *         "bio": "Writes about wood and contracts.",
         *         "url": "https://ada.acme.test/",
         *         "avatarUrl": "https://www.acme.test/ada.webp",
         *         "role": "editor",
         *         "status": "active",
         *         "createdAt": "2025-11-20T09:00:00.000Z",
         *         "updatedAt": "2025-11-21T09:00:00.000Z"
         *       }
         *     }
         */
        Login: {
            /** @description The access token, a JWT. Send it as `Authorization: Bearer …`. */
            accessToken: string;
            /** @description The type of the access token. */
            tokenType: components["schemas"]["TokenType"];
            /**
             * Format: int64
             * @description The lifetime of the access token, in seconds.
             */
            expiresIn: number;
            /** @description The refresh token for the next access token. It is valid for one use; reuse revokes the session. */
            refreshToken: string;
            /** @description The account that signed in. */
            user: components["schemas"]["User"];
        };
        /**
         * @description The account of the caller, with the current session.
         * @example {
         *       "id": "0199c0de-1111-7c3d-8e1f-2a3b4c5d6e7f",
         *       "email": "ada@acme.test",
         *       "name": "Ada Turner",
         *       "bio": "Writes about wood and contracts.",
         *       "url": "https://ada.acme.test/",
         *       "avatarUrl": "https://www.acme.test/ada.webp",
         *       "role": "editor",
         *       "status": "active",
         *       "createdAt": "2025-11-20T09:00:00.000Z",
         *       "updatedAt": "2025-11-21T09:00:00.000Z",
         *       "session": "0199c0de-5e55-7c3d-8e1f-2a3b4c5d6e7f"
         *     }
         */
        Me: {
            /**
             * Format: uuid
             * @description The id of the user. It never changes.
             */
            id: string;
            /** @description The e-mail address used to sign in, in lower case; unique. Absent for imported authors. */
            email?: string;
            /**
             * Format: line
             * @description The display name.
             */
            name: string;
            /** @description A short biography. */
            bio?: string;
            /**
             * Format: web-url
             * @description The URL of the user's website.
             */
            url?: string;
            /**
             * Format: web-url
             * @description The URL of the avatar image.
             */
            avatarUrl?: string;
            /** @description The role, which determines the permissions of the account. */
            role: components["schemas"]["Role"];
            /** @description Whether the account is active or disabled. */
            status: components["schemas"]["Status"];
            /**
             * Format: date-time
             * @description When the account was created.
             */
            createdAt: string;
            /**
             * Format: date-time
             * @description When the account was last changed.
             */
            updatedAt: string;
            /**
             * Format: uuid
             * @description The id of the session that sent this request; absent for API keys.
             */
            session?: string;
        };
        /**
         * @description The metadata of an uploaded image.
         * @example {
         *       "id": "0199c0de-8888-7c3d-8e1f-2a3b4c5d6e7f",
         *       "url": "/media/7d0f1c9a3b5e4f6081a2b3c4d5e6f708.jpg",
         *       "filename": "dovetail.jpg",
         *       "type": "image/jpeg",
         *       "size": 48213,
         *       "width": 1600,
         *       "height": 1200,
         *       "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
         *       "blurhash": "LEHV6nWB2yk8pyo0adR*.7kCMdnj",
         *       "dominantColor": "#8a5c3e",
         *       "aspectRatio": 1.333333,
         *       "alt": "A dovetail joint, seen from the side",
         *       "focusX": 0.5,
         *       "focusY": 0.25,
         *       "sources": [
         *         {
         *           "type": "image/webp",
         *           "srcset": "/media/7d0f1c9a3b5e4f6081a2b3c4d5e6f708.jpg?w=640&format=webp 640w",
         *           "variants": [
         *             {
         *               "url": "/media/7d0f1c9a3b5e4f6081a2b3c4d5e6f708.jpg?w=640&format=webp",
         *               "width": 640,
         *               "height": 480
         *             }
         *           ]
         *         }
         *       ],
         *       "uploadedBy": "0199c0de-1111-7c3d-8e1f-2a3b4c5d6e7f",
         *       "createdAt": "2025-11-20T09:00:00.000Z",
         *       "updatedAt": "2025-11-21T09:00:00.000Z"
         *     }
         */
        Media: {
            /**
             * Format: uuid
             * @description The id of the image.
             */
            id: string;
            /** @description The URL of the bytes: an absolute path on this server, readable without authentication. */
            url: string;
            /** @description The file name that the response suggests for saving. */
            filename: string;
            /** @description The media type, detected from the bytes. */
            type: components["schemas"]["MediaType"];
            /**
             * Format: int64
             * @description The size of the stored file in bytes.
             */
            size: number;
            /**
             * Format: int32
             * @description The width in pixels.
             */
            width: number;
            /**
             * Format: int32
             * @description The height in pixels.
             */
            height: number;
            /** @description The SHA-256 of the stored bytes, in lowercase hexadecimal. */
            sha256: string;
            /** @description A BlurHash placeholder to render while the image loads. */
            blurhash: string;
            /** @description The most frequent color, as a background while the image loads. */
            dominantColor: string;
            /**
             * Format: double
             * @description Width divided by height, for the CSS property `aspect-ratio`.
             */
            aspectRatio: number;
            /** @description The alternative text, for users who cannot see the image. */
            alt?: string;
            /**
             * Format: double
             * @description The horizontal focus, from the left edge (0) to the right edge (1). A crop keeps this point visible.
             */
            focusX?: number;
            /**
             * Format: double
             * @description The vertical focus, from the top edge (0) to the bottom edge (1).
             */
            focusY?: number;
            /**
             * @description The image in the formats and widths that pages commonly use: WebP, and then the stored format. Animations stay
             *     animated. Of a GIF, only the stored file.
             */
            sources: components["schemas"]["MediaSource"][];
            /**
             * Format: uuid
             * @description The account that uploaded the image. Absent if the account is deleted or the image was imported.
             */
            uploadedBy?: string;
            /**
             * Format: date-time
             * @description The time of the upload.
             */
            createdAt: string;
            /**
             * Format: date-time
             * @description The time of the last change of the metadata.
             */
            updatedAt: string;
        };
        /**
         * @description How an image fits a box whose aspect ratio differs from the image.
         * @enum {string}
         */
        MediaFit: "cover" | "contain" | "inside";
        /**
         * @description The output format.
         * @enum {string}
         */
        MediaFormat: "auto" | "jpeg" | "png" | "webp" | "gif";
        /**
         * @description An image to store.
         * @example {
         *       "file": "GIF89a…",
         *       "alt": "A joint that fits"
         *     }
         */
        MediaInput: {
            /**
             * Format: binary
             * @description The image: JPEG, PNG, WebP or GIF, at most 20971520 bytes (`media_max_bytes`) and 50000000 pixels (`media_max_pixels`). Encodings that need more memory, such as GIF and transparent WebP, may have fewer pixels. A side has at most 16383 pixels, and an animation 100 frames. The format is detected from the content; the file name and the declared type are ignored. Metadata, such as the location, is removed.
             */
            file: string;
            /** @description The alternative text: a description of the image for people who cannot see it. */
            alt?: string;
        };
        /** @description One page of a list. */
        MediaPage: {
            /** @description The items of this page, in the requested order. */
            data: components["schemas"]["Media"][];
            pagination: components["schemas"]["Pagination"];
        };
        /**
         * @description A merge patch of the metadata of an image: absent fields stay unchanged, `null` clears a field.
         * @example {
         *       "filename": "joint.jpg",
         *       "alt": "A dovetail joint, seen from the side",
         *       "focusX": 0.5,
         *       "focusY": 0.25
         *     }
         */
        MediaPatch: {
            /**
             * Format: file-name
             * @description The file name that the response suggests for saving. The server sets the extension that fits the media
             *     type.
             */
            filename?: string;
            /** @description The alternative text, for users who cannot see the image. */
            alt?: string | null;
            /**
             * Format: double
             * @description The horizontal focus, from the left edge (0) to the right edge (1). A crop keeps this point visible.
             */
            focusX?: number | null;
            /**
             * Format: double
             * @description The vertical focus, from the top edge (0) to the bottom edge (1).
             */
            focusY?: number | null;
        };
        /**
         * @description An image in one format, as one `source` of a `picture` element.
         * @example {
         *       "type": "image/webp",
         *       "srcset": "/media/7d0f1c9a3b5e4f6081a2b3c4d5e6f708.jpg?w=640&format=webp 640w",
         *       "variants": [
         *         {
         *           "url": "/media/7d0f1c9a3b5e4f6081a2b3c4d5e6f708.jpg?w=640&format=webp",
         *           "width": 640,
         *           "height": 480
         *         }
         *       ]
         *     }
         */
        MediaSource: {
            /** @description The media type of all variants. */
            type: components["schemas"]["MediaType"];
            /** @description The URLs of all variants with their widths, for the attribute `srcset`. */
            srcset: string;
            /**
             * @description The variants, narrowest first. The last one has the full width, unless the image is wider than all sizes of the
             *     server.
             */
            variants: components["schemas"]["MediaVariant"][];
        };
        /**
         * @description The media type of an image.
         * @enum {string}
         */
        MediaType: "image/jpeg" | "image/png" | "image/webp" | "image/gif";
        /**
         * @description A version of an image in one size.
         * @example {
         *       "url": "/media/7d0f1c9a3b5e4f6081a2b3c4d5e6f708.jpg?w=640&format=webp",
         *       "width": 640,
         *       "height": 480
         *     }
         */
        MediaVariant: {
            /** @description The URL of the bytes: an absolute path on this server. */
            url: string;
            /**
             * Format: int32
             * @description The width in pixels.
             */
            width: number;
            /**
             * Format: int32
             * @description The height in pixels.
             */
            height: number;
        };
        /**
         * @description A message in a channel.
         * @example {
         *       "id": "0199c0de-5b5b-7c3d-8e1f-2a3b4c5d6e71",
         *       "channelId": "0199c0de-5a5a-7c3d-8e1f-2a3b4c5d6e71",
         *       "author": {
         *         "id": "0199c0de-1111-7c3d-8e1f-2a3b4c5d6e7f",
         *         "name": "Ada Turner",
         *         "avatarUrl": "https://www.acme.test/ada.webp"
         *       },
         *       "text": "The glue has set: the clamps can come off.",
         *       "clientId": "0199c0de-5c5c-7c3d-8e1f-2a3b4c5d6e71",
         *       "createdAt": "2025-11-21T10:40:00.000Z",
         *       "editedAt": "2025-11-21T10:41:00.000Z"
         *     }
         */
        Message: {
            /**
             * Format: uuid
             * @description The id of the message.
             */
            id: string;
            /**
             * Format: uuid
             * @description The id of its channel.
             */
            channelId: string;
            /** @description The author of the message. */
            author: components["schemas"]["AuthorRef"];
            /**
             * Format: text
             * @description The plain text.
             */
            text: string;
            /**
             * Format: uuid
             * @description The id that the author's client assigned, if any.
             */
            clientId?: string;
            /**
             * Format: date-time
             * @description The time of creation.
             */
            createdAt: string;
            /**
             * Format: date-time
             * @description The time of the last update of the text. Absent if the message was never updated.
             */
            editedAt?: string;
        };
        /**
         * @description A message to create.
         * @example {
         *       "text": "The glue has set: the clamps can come off.",
         *       "clientId": "0199c0de-5c5c-7c3d-8e1f-2a3b4c5d6e71"
         *     }
         */
        MessageInput: {
            /**
             * Format: text
             * @description The plain text. Leading and trailing white space is removed.
             */
            text: string;
            /**
             * Format: uuid
             * @description A UUID that the client creates for each message. A repeated request with the same value creates no
             *     second message.
             */
            clientId?: string;
        };
        /** @description One page of a list. */
        MessagePage: {
            /** @description The items of this page, in the requested order. */
            data: components["schemas"]["Message"][];
            pagination: components["schemas"]["Pagination"];
        };
        /**
         * @description A merge patch (RFC 7396): omitted fields are unchanged.
         * @example {
         *       "text": "The glue has set: the clamps can come off."
         *     }
         */
        MessagePatch: {
            /**
             * Format: text
             * @description The plain text. Leading and trailing white space is removed.
             */
            text?: string;
        };
        /**
         * @description The original amount of a converted amount, and the rate of the conversion.
         * @example {
         *       "amount": 15795,
         *       "currency": "USD",
         *       "rate": "0.86",
         *       "rateDate": "2025-11-21",
         *       "rateSource": "open.er-api.com",
         *       "rateState": "fresh"
         *     }
         */
        Original: {
            /**
             * Format: int64
             * @description The amount in minor units of `currency`.
             */
            amount: number;
            /** @description The currency of the original amount. */
            currency: string;
            /** @description The value of one unit of the base currency in the quote currency, as a decimal number. */
            rate: string;
            /**
             * Format: date
             * @description The day that the rate is for. Omitted for a fallback rate.
             */
            rateDate?: string;
            /** @description The host that the rate was fetched from; `fallback` for the setting `rates_fallback`. */
            rateSource: string;
            /** @description The age and origin of the rate. */
            rateState: components["schemas"]["RateState"];
        };
        /**
         * @description The position of a page in its list.
         * @example {
         *       "page": 1,
         *       "limit": 10,
         *       "total": 11,
         *       "pages": 2,
         *       "nextCursor": "AVsxNzYzNzE3NDAwMDAwLHsiaWQiOiIwMTk5YzBkZSJ9XbG9zZQ"
         *     }
         */
        Pagination: {
            /**
             * Format: int32
             * @description The number of this page. Absent if `after` was sent.
             */
            page?: number;
            /**
             * Format: int32
             * @description The maximum number of items per page.
             */
            limit: number;
            /**
             * Format: int64
             * @description The number of items that match the filters and are visible to the caller. Absent if not counted.
             */
            total?: number;
            /**
             * Format: int64
             * @description The number of pages. Absent if not counted.
             */
            pages?: number;
            /** @description The value of `after` for the next page. Absent on the last page. */
            nextCursor?: string;
        };
        /**
         * @description A payment of an invoice that a provider reported.
         * @example {
         *       "id": "0199c0de-3434-7c3d-8e1f-2a3b4c5d6e7f",
         *       "provider": "stripe",
         *       "reference": "pi_3SVr2wGQ",
         *       "amount": 10000,
         *       "currency": "USD",
         *       "refunded": 0,
         *       "outcome": "amount-mismatch",
         *       "createdAt": "2025-11-21T09:00:00.000Z"
         *     }
         */
        Payment: {
            /**
             * Format: uuid
             * @description The id of the payment.
             */
            id: string;
            /** @description The provider of the payment. */
            provider: components["schemas"]["PaymentProvider"];
            /** @description The provider's id of the payment intent, the charge or the capture, or of the object that reported it first. */
            reference: string;
            /**
             * Format: int64
             * @description The amount in minor units of `currency`.
             */
            amount: number;
            /** @description The currency of the payment. */
            currency: string;
            /**
             * Format: int64
             * @description The sum of all refunds, in minor units of `currency`.
             */
            refunded: number;
            /** @description The effect of the payment on the invoice. */
            outcome: components["schemas"]["PaymentOutcome"];
            /**
             * Format: date-time
             * @description The time at which the first event about the payment was handled.
             */
            createdAt: string;
        };
        /**
         * @description The effect of a payment on its invoice.
         * @enum {string}
         */
        PaymentOutcome: "paid" | "amount-mismatch" | "invoice-closed";
        /**
         * @description The provider of a payment.
         * @enum {string}
         */
        PaymentProvider: "stripe" | "paypal";
        /**
         * @description A post with all fields.
         * @example {
         *       "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *       "slug": "a-joint-that-fits",
         *       "title": "A joint that fits",
         *       "content": "A tenon is the part of a joint that is *cut to fit*.",
         *       "excerpt": "Why every client is cut from the same contract.",
         *       "coverImage": "https://www.acme.test/joint.webp",
         *       "author": {
         *         "id": "0199c0de-1111-7c3d-8e1f-2a3b4c5d6e7f",
         *         "name": "Ada Turner",
         *         "avatarUrl": "https://www.acme.test/ada.webp",
         *         "bio": "Writes about wood and contracts."
         *       },
         *       "coauthors": [],
         *       "tags": [
         *         {
         *           "slug": "joinery",
         *           "name": "Joinery"
         *         }
         *       ],
         *       "published": true,
         *       "publishedAt": "2025-11-21T09:30:00.000Z",
         *       "unpublishAt": "2100-01-01T00:00:00.000Z",
         *       "commentsCount": 2,
         *       "createdAt": "2025-11-21T09:00:00.000Z",
         *       "updatedAt": "2025-11-21T09:30:00.000Z"
         *     }
         */
        Post: {
            /**
             * Format: uuid
             * @description The unique, permanent identifier.
             */
            id: string;
            /** @description The identifier of the post in URLs; unique. Former slugs redirect to the current one. */
            slug: string;
            /**
             * Format: text
             * @description The title.
             */
            title: string;
            /** @description The body text, in Markdown. */
            content: string;
            /** @description A short summary for lists. */
            excerpt?: string;
            /**
             * Format: web-url
             * @description The URL of the cover image.
             */
            coverImage?: string;
            /** @description The author. */
            author: components["schemas"]["AuthorRef"];
            /** @description The co-authors, in order. */
            coauthors: components["schemas"]["AuthorRef"][];
            /** @description The tags, in order. */
            tags: components["schemas"]["TagRef"][];
            /** @description Whether the post is public. */
            published: boolean;
            /**
             * Format: date-time
             * @description The publication time; omitted for drafts.
             */
            publishedAt?: string;
            /**
             * Format: date-time
             * @description The scheduled publication time; included only for callers that can edit the post.
             */
            publishAt?: string;
            /**
             * Format: date-time
             * @description The scheduled time at which the post becomes a draft again; included only for callers that can edit
             *     the post.
             */
            unpublishAt?: string;
            /**
             * Format: int64
             * @description The number of approved comments.
             */
            commentsCount: number;
            /**
             * Format: date-time
             * @description The creation time.
             */
            createdAt: string;
            /**
             * Format: date-time
             * @description The time of the last change.
             */
            updatedAt: string;
        };
        /**
         * @description Relations that can be expanded.
         * @enum {string}
         */
        PostExpand: "author";
        /**
         * @description A post to create, or the replacement of a post.
         * @example {
         *       "title": "A joint that fits",
         *       "content": "A tenon is the part of a joint that is *cut to fit*.",
         *       "slug": "a-joint-that-fits",
         *       "excerpt": "Why every client is cut from the same contract.",
         *       "coverImage": "https://www.acme.test/joint.webp",
         *       "tags": [
         *         "Joinery"
         *       ],
         *       "published": true,
         *       "unpublishAt": "2100-01-01T00:00:00.000Z"
         *     }
         */
        PostInput: {
            /**
             * Format: text
             * @description The title; leading and trailing white space is removed.
             */
            title: string;
            /** @description The body text, in Markdown. */
            content: string;
            /**
             * @description The identifier of the post in URLs; must be unique. If omitted, a new post gets a slug derived from its
             *     title, with a number if that slug already exists, and the slug of an existing post is unchanged.
             */
            slug?: string;
            /** @description A short summary for lists. */
            excerpt?: string;
            /**
             * Format: web-url
             * @description The URL of the cover image.
             */
            coverImage?: string;
            /**
             * @description The names of all tags; unknown tags are created. Names that differ only in case or accents are the
             *     same tag.
             * @default []
             */
            tags?: string[];
            /**
             * @description Whether the post is published immediately.
             * @default false
             */
            published?: boolean;
            /**
             * Format: date-time
             * @description The scheduled publication time, for drafts; must be in the future.
             */
            publishAt?: string;
            /**
             * Format: date-time
             * @description The scheduled time at which the post becomes a draft again; must be in the future and after
             *     `publishAt`.
             */
            unpublishAt?: string;
        };
        /**
         * @description A merge patch (RFC 7396): omitted fields are unchanged, `null` clears a field.
         * @example {
         *       "title": "A joint that fits",
         *       "content": "A tenon is the part of a joint that is *cut to fit*.",
         *       "slug": "a-joint-that-fits",
         *       "excerpt": "Why every client is cut from the same contract.",
         *       "coverImage": "https://www.acme.test/joint.webp",
         *       "tags": [
         *         "Joinery"
         *       ],
         *       "published": true,
         *       "publishAt": null,
         *       "unpublishAt": "2100-01-01T00:00:00.000Z"
         *     }
         */
        PostPatch: {
            /**
             * Format: text
             * @description The title; leading and trailing white space is removed.
             */
            title?: string;
            /** @description The body text, in Markdown. */
            content?: string;
            /** @description The new identifier of the post in URLs; must be unique. The former slug redirects to it. */
            slug?: string;
            /** @description A short summary for lists. `null` clears it. */
            excerpt?: string | null;
            /**
             * Format: web-url
             * @description The URL of the cover image. `null` clears it.
             */
            coverImage?: string | null;
            /** @description The names of all tags; unknown tags are created. Names that differ only in case or accents are the same tag. */
            tags?: string[];
            /** @description Whether the post is public; `true` publishes it now and clears `publishAt`. */
            published?: boolean;
            /**
             * Format: date-time
             * @description The scheduled publication time, for drafts; must be in the future. `null` clears it.
             */
            publishAt?: string | null;
            /**
             * Format: date-time
             * @description The scheduled time at which the post becomes a draft again; must be in the future and after `publishAt`. `null` clears it.
             */
            unpublishAt?: string | null;
        };
        /**
         * @description A reference to a post.
         * @example {
         *       "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *       "slug": "a-joint-that-fits",
         *       "title": "A joint that fits"
         *     }
         */
        PostRef: {
            /**
             * Format: uuid
             * @description The id of the post.
             */
            id: string;
            /** @description The identifier of the post in URLs. */
            slug: string;
            /**
             * Format: text
             * @description The title of the post.
             */
            title: string;
        };
        /**
         * @description A revision of a post with its content.
         * @example {
         *       "id": "0199c0de-3333-7c3d-8e1f-2a3b4c5d6e7f",
         *       "version": 3,
         *       "change": "changed",
         *       "by": {
         *         "id": "0199c0de-1111-7c3d-8e1f-2a3b4c5d6e7f",
         *         "name": "Ada Turner",
         *         "avatarUrl": "https://www.acme.test/ada.webp"
         *       },
         *       "createdAt": "2025-11-21T09:30:00.000Z",
         *       "post": {
         *         "title": "A joint that fits",
         *         "slug": "a-joint-that-fits",
         *         "content": "A tenon is the part of a joint that is *cut to fit*.",
         *         "excerpt": "Why every client is cut from the same contract.",
         *         "coverImage": "https://www.acme.test/joint.webp",
         *         "tags": [
         *           "Joinery"
         *         ],
         *         "published": true,
         *         "unpublishAt": "2100-01-01T00:00:00.000Z"
         *       }
         *     }
         */
        PostRevision: {
            /**
             * Format: uuid
             * @description The unique identifier.
             */
            id: string;
            /**
             * Format: int64
             * @description The version number, from 1.
             */
            version: number;
            /** @description The kind of the change. */
            change: components["schemas"]["Change"];
            /**
             * Format: uuid
             * @description The id of the revision that this version restored; omitted for other changes.
             */
            restoredFrom?: string;
            /** @description The user who made the change; omitted for automatic changes and for deleted users. */
            by?: components["schemas"]["AuthorRef"];
            /**
             * Format: date-time
             * @description The time of the change.
             */
            createdAt: string;
            /** @description The editable fields of the post in this revision. */
            post: components["schemas"]["PostSnapshot"];
        };
        /**
         * @description The editable fields of a post at one time.
         * @example {
         *       "title": "A joint that fits",
         *       "slug": "a-joint-that-fits",
         *       "content": "A tenon is the part of a joint that is *cut to fit*.",
         *       "excerpt": "Why every client is cut from the same contract.",
         *       "coverImage": "https://www.acme.test/joint.webp",
         *       "tags": [
         *         "Joinery"
         *       ],
         *       "published": true,
         *       "unpublishAt": "2100-01-01T00:00:00.000Z"
         *     }
         */
        PostSnapshot: {
            /**
             * Format: text
             * @description The title.
             */
            title: string;
            /** @description The identifier of the post in URLs. */
            slug: string;
            /** @description The body text, in Markdown. */
            content: string;
            /** @description A short summary for lists. */
            excerpt?: string;
            /**
             * Format: web-url
             * @description The URL of the cover image.
             */
            coverImage?: string;
            /** @description The names of the tags, in order. */
            tags: string[];
            /** @description Whether the post was published. */
            published: boolean;
            /**
             * Format: date-time
             * @description The scheduled publication time.
             */
            publishAt?: string;
            /**
             * Format: date-time
             * @description The scheduled time at which the post becomes a draft again.
             */
            unpublishAt?: string;
        };
        /**
         * @description Filter for the state of posts.
         * @enum {string}
         */
        PostStatus: "published" | "draft" | "any";
        /**
         * @description A post in a list. The fields `excerpt`, `coverImage` and `content` are included as the query parameter
         *     `fields` requests.
         * @example {
         *       "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *       "slug": "a-joint-that-fits",
         *       "title": "A joint that fits",
         *       "author": {
         *         "id": "0199c0de-1111-7c3d-8e1f-2a3b4c5d6e7f",
         *         "name": "Ada Turner",
         *         "avatarUrl": "https://www.acme.test/ada.webp",
         *         "bio": "Writes about wood and contracts."
         *       },
         *       "coauthors": [],
         *       "tags": [
         *         {
         *           "slug": "joinery",
         *           "name": "Joinery"
         *         }
         *       ],
         *       "published": true,
         *       "publishedAt": "2025-11-21T09:30:00.000Z",
         *       "unpublishAt": "2100-01-01T00:00:00.000Z",
         *       "commentsCount": 2,
         *       "createdAt": "2025-11-21T09:00:00.000Z",
         *       "updatedAt": "2025-11-21T09:30:00.000Z",
         *       "excerpt": "Why every client is cut from the same contract.",
         *       "coverImage": "https://www.acme.test/joint.webp",
         *       "content": "A tenon is the part of a joint that is *cut to fit*."
         *     }
         */
        PostSummary: {
            /**
             * Format: uuid
             * @description The unique, permanent identifier.
             */
            id: string;
            /** @description The identifier of the post in URLs. */
            slug: string;
            /**
             * Format: text
             * @description The title.
             */
            title: string;
            /** @description The author. */
            author: components["schemas"]["AuthorRef"];
            /** @description The co-authors, in order. */
            coauthors: components["schemas"]["AuthorRef"][];
            /** @description The tags, in order. */
            tags: components["schemas"]["TagRef"][];
            /** @description Whether the post is public. */
            published: boolean;
            /**
             * Format: date-time
             * @description The publication time; omitted for drafts.
             */
            publishedAt?: string;
            /**
             * Format: date-time
             * @description The scheduled publication time; included only for callers that can edit the post.
             */
            publishAt?: string;
            /**
             * Format: date-time
             * @description The scheduled time at which the post becomes a draft again; included only for callers that can edit
             *     the post.
             */
            unpublishAt?: string;
            /**
             * Format: int64
             * @description The number of approved comments.
             */
            commentsCount: number;
            /**
             * Format: date-time
             * @description The creation time.
             */
            createdAt: string;
            /**
             * Format: date-time
             * @description The time of the last change.
             */
            updatedAt: string;
            /**
             * Format: date-time
             * @description The deletion time; included only with `deleted=only`.
             */
            deletedAt?: string;
            /** @description A short summary for lists; omitted if the post has none. */
            excerpt?: string;
            /**
             * Format: web-url
             * @description The URL of the cover image; omitted if the post has none.
             */
            coverImage?: string;
            /** @description The body text, in Markdown; included only with `fields=content`. */
            content?: string;
        };
        /** @description One page of a list. */
        PostSummaryPage: {
            /** @description The items of this page, in the requested order. */
            data: components["schemas"]["PostSummary"][];
            pagination: components["schemas"]["Pagination"];
        };
        /**
         * @description A link that grants read access to one post until it expires.
         * @example {
         *       "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *       "url": "/api/posts/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f?preview=AZnA3npbfD2OHyo7TF1ufw.kq3mVx0Y2nZr8sT1uWcB4g",
         *       "token": "AZnA3npbfD2OHyo7TF1ufw.kq3mVx0Y2nZr8sT1uWcB4g",
         *       "expiresAt": "2025-11-24T09:00:00.000Z"
         *     }
         */
        PreviewLink: {
            /**
             * Format: uuid
             * @description The unique identifier of the link.
             */
            id: string;
            /** @description The path and query of the post with the token, on this server. */
            url: string;
            /** @description The token in `url`. */
            token: string;
            /**
             * Format: date-time
             * @description The expiry time of the link.
             */
            expiresAt: string;
        };
        /**
         * @description The provider of a webhook.
         * @enum {string}
         */
        Provider: "stripe" | "github" | "paypal";
        /**
         * @description A public key (RFC 8037).
         * @example {
         *       "kty": "OKP",
         *       "crv": "Ed25519",
         *       "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
         *       "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
         *       "use": "sig",
         *       "alg": "EdDSA"
         *     }
         */
        PublicKey: {
            /** @description The key type. */
            kty: components["schemas"]["JwkKeyType"];
            /** @description The curve. */
            crv: components["schemas"]["JwkCurve"];
            /** @description The public key, in base64url. */
            x: string;
            /** @description The key id, as in the header of tokens. */
            kid: string;
            /** @description The use of the key: signatures. */
            use: components["schemas"]["JwkUse"];
            /** @description The signature algorithm. */
            alg: components["schemas"]["JwkAlgorithm"];
        };
        /**
         * @description The value of one unit of a currency in another currency, with its source.
         * @example {
         *       "base": "USD",
         *       "currency": "EUR",
         *       "rate": "0.8612",
         *       "rateDate": "2026-11-20",
         *       "rateSource": "open.er-api.com",
         *       "rateState": "fresh",
         *       "fetchedAt": "2026-11-21T06:00:00.000Z"
         *     }
         */
        Rate: {
            /** @description The base currency: the rate is the value of one unit of it. */
            base: string;
            /** @description The quote currency: the rate is in this currency. */
            currency: string;
            /** @description The value of one unit of the base currency in the quote currency, as a decimal number. */
            rate: string;
            /**
             * Format: date
             * @description The day that the rate is for. Omitted for a fallback rate.
             */
            rateDate?: string;
            /** @description The host that the rate was fetched from; `fallback` for the setting `rates_fallback`. */
            rateSource: string;
            /** @description The age and origin of the rate. */
            rateState: components["schemas"]["RateState"];
            /**
             * Format: date-time
             * @description When the rate was fetched. Omitted for a fallback rate.
             */
            fetchedAt?: string;
        };
        /**
         * @description The age and origin of a rate.
         * @enum {string}
         */
        RateState: "fresh" | "lastKnown" | "fallback";
        /**
         * @description The value of one unit of a currency in every other known currency.
         * @example {
         *       "base": "USD",
         *       "rates": [
         *         {
         *           "base": "USD",
         *           "currency": "EUR",
         *           "rate": "0.8612",
         *           "rateDate": "2026-11-20",
         *           "rateSource": "open.er-api.com",
         *           "rateState": "fresh",
         *           "fetchedAt": "2026-11-21T06:00:00.000Z"
         *         }
         *       ]
         *     }
         */
        RateTable: {
            /** @description The base currency: every rate is the value of one unit of it. */
            base: string;
            /** @description The rates, in ascending order of currency codes. */
            rates: components["schemas"]["Rate"][];
        };
        /**
         * @description A redirect.
         * @example {
         *       "id": "0199c0de-3333-7c3d-8e1f-2a3b4c5d6e7f",
         *       "source": "/api/v1/revenues",
         *       "kind": "exact",
         *       "destination": "/api/v2/revenues/en-us",
         *       "permanent": false,
         *       "status": 307,
         *       "external": false,
         *       "startsAt": "2025-11-20T09:00:00.000Z",
         *       "endsAt": "2029-11-22T00:00:00.000Z",
         *       "createdAt": "2025-11-21T09:00:00.000Z",
         *       "updatedAt": "2025-11-21T09:00:00.000Z"
         *     }
         */
        Redirect: {
            /**
             * Format: uuid
             * @description The id of the rule. It never changes.
             */
            id: string;
            /**
             * Format: no-controls
             * @description The paths that are redirected, with their conditions. Each `*` and `:name` captures a part of the path.
             */
            source: string;
            /** @description The kind of the source. */
            kind: components["schemas"]["RedirectKind"];
            /**
             * Format: no-controls
             * @description The destination: a path of this service or a URL. `*`, `:splat` and `:name` stand for the captured parts.
             */
            destination: string;
            /** @description Whether the redirect is permanent (308). */
            permanent: boolean;
            /**
             * Format: int32
             * @description The status of the redirect: 303 (the client follows with `GET`), 307 (temporary) or 308 (permanent).
             * @enum {integer}
             */
            status: 303 | 307 | 308;
            /** @description Whether an admin has allowed a destination on any host. */
            external: boolean;
            /**
             * Format: date-time
             * @description The time from which the rule applies. Omitted if the rule has no start.
             */
            startsAt?: string;
            /**
             * Format: date-time
             * @description The time from which the rule no longer applies. Omitted if the rule has no end.
             */
            endsAt?: string;
            /**
             * Format: date-time
             * @description When the rule was created.
             */
            createdAt: string;
            /**
             * Format: date-time
             * @description When the rule was last updated.
             */
            updatedAt: string;
        };
        /**
         * @description The result of an import.
         * @example {
         *       "created": 2,
         *       "updated": 1,
         *       "unchanged": 0,
         *       "skipped": 1,
         *       "warnings": [
         *         "line 4: the status 200 is a rewrite, which is not supported"
         *       ],
         *       "dryRun": false
         *     }
         */
        RedirectImport: {
            /**
             * Format: int64
             * @description The number of new rules.
             */
            created: number;
            /**
             * Format: int64
             * @description The number of existing rules whose destination, status or dates changed.
             */
            updated: number;
            /**
             * Format: int64
             * @description The number of existing rules that stayed unchanged.
             */
            unchanged: number;
            /**
             * Format: int64
             * @description The number of lines and rules that were not imported.
             */
            skipped: number;
            /** @description The reasons for which lines and rules were not imported, and other remarks: the first 100. */
            warnings: string[];
            /** @description Whether the file was only checked, and nothing was written. */
            dryRun: boolean;
        };
        /**
         * @description A redirect to create.
         * @example {
         *       "source": "/api/v1/revenues",
         *       "destination": "/api/v2/revenues/en-us",
         *       "permanent": false,
         *       "external": false,
         *       "startsAt": "2025-11-20T09:00:00.000Z",
         *       "endsAt": "2029-11-22T00:00:00.000Z"
         *     }
         */
        RedirectInput: {
            /**
             * Format: no-controls
             * @description The paths to redirect: a path, `/old/*` for a path and every path below it, or a path with `*` for any
             *     part of a segment and `:name` for a whole segment. A host may precede the path. Query parameters,
             *     countries and languages may follow it: `/old?id=:id Country=FR,BE Language=fr`.
             */
            source: string;
            /**
             * Format: no-controls
             * @description The destination: a path of this service, or a URL of this service, of a host in the setting
             *     `redirect_hosts`, or of any host if `external` is true. The first `*` stands for the capture of the first
             *     `*` of the source, and so on; `:splat` for that of the last `*`; `:name` for that of `:name`.
             */
            destination: string;
            /**
             * @description Whether the redirect is permanent (308) or temporary (307).
             * @default false
             */
            permanent?: boolean;
            /**
             * Format: int32
             * @description The status of the redirect: 303, 307 or 308. If omitted, `permanent` determines it.
             * @enum {integer}
             */
            status?: 303 | 307 | 308;
            /**
             * @description Whether the destination may be on any host. Only admins may set it.
             * @default false
             */
            external?: boolean;
            /**
             * Format: date-time
             * @description The time from which the rule applies. If omitted, it applies at once.
             */
            startsAt?: string;
            /**
             * Format: date-time
             * @description The time from which the rule no longer applies. If omitted, it has no end.
             */
            endsAt?: string;
        };
        /**
         * @description The kind of a source.
         * @enum {string}
         */
        RedirectKind: "exact" | "prefix" | "wildcard";
        /**
         * @description Redirects by source. The name of a field is a source such as `/old/*` or `/old/:id`, or a key form such as `-api-v1-revenues` for the source `/api/v1/revenues`.
         * @example {
         *       "-api-v1-revenues": {
         *         "destination": "/api/v2/revenues/en-us",
         *         "permanent": false,
         *         "external": false
         *       },
         *       "/old/*": {
         *         "destination": "/new/*",
         *         "permanent": true,
         *         "external": false
         *       }
         *     }
         */
        RedirectMap: {
            [key: string]: components["schemas"]["RedirectReplacement"];
        };
        /**
         * @description The new destination, status and dates of a source.
         * @example {
         *       "destination": "/api/v2/revenues/en-us",
         *       "permanent": false,
         *       "external": false,
         *       "startsAt": "2025-11-20T09:00:00.000Z",
         *       "endsAt": "2029-11-22T00:00:00.000Z"
         *     }
         */
        RedirectReplacement: {
            /**
             * Format: no-controls
             * @description The destination: a path of this service, or a URL of this service, of a host in the setting
             *     `redirect_hosts`, or of any host if `external` is true.
             */
            destination: string;
            /**
             * @description Whether the redirect is permanent (308) or temporary (307).
             * @default false
             */
            permanent?: boolean;
            /**
             * Format: int32
             * @description The status of the redirect: 303, 307 or 308. If omitted, `permanent` determines it.
             * @enum {integer}
             */
            status?: 303 | 307 | 308;
            /**
             * @description Whether the destination may be on any host. Only admins may set it.
             * @default false
             */
            external?: boolean;
            /**
             * Format: date-time
             * @description The time from which the rule applies. If omitted, it applies at once.
             */
            startsAt?: string;
            /**
             * Format: date-time
             * @description The time from which the rule no longer applies. If omitted, it has no end.
             */
            endsAt?: string;
        };
        /**
         * @description A redirect in a list, with its hit count.
         * @example {
         *       "id": "0199c0de-3333-7c3d-8e1f-2a3b4c5d6e7f",
         *       "source": "/api/v1/revenues",
         *       "kind": "exact",
         *       "destination": "/api/v2/revenues/en-us",
         *       "permanent": false,
         *       "status": 307,
         *       "external": false,
         *       "startsAt": "2025-11-20T09:00:00.000Z",
         *       "endsAt": "2029-11-22T00:00:00.000Z",
         *       "hits": 42,
         *       "updatedAt": "2025-11-21T09:00:00.000Z"
         *     }
         */
        RedirectSummary: {
            /**
             * Format: uuid
             * @description The id of the rule. It never changes.
             */
            id: string;
            /**
             * Format: no-controls
             * @description The paths that are redirected.
             */
            source: string;
            /** @description The kind of the source. */
            kind: components["schemas"]["RedirectKind"];
            /**
             * Format: no-controls
             * @description The destination: a path of this service or a URL.
             */
            destination: string;
            /** @description Whether the redirect is permanent (308). */
            permanent: boolean;
            /**
             * Format: int32
             * @description The status of the redirect: 303 (the client follows with `GET`), 307 (temporary) or 308 (permanent).
             * @enum {integer}
             */
            status: 303 | 307 | 308;
            /** @description Whether an admin has allowed a destination on any host. */
            external: boolean;
            /**
             * Format: date-time
             * @description The time from which the rule applies. Omitted if the rule has no start.
             */
            startsAt?: string;
            /**
             * Format: date-time
             * @description The time from which the rule no longer applies. Omitted if the rule has no end.
             */
            endsAt?: string;
            /**
             * Format: int64
             * @description The number of redirected requests. Updated with a delay of some seconds.
             */
            hits: number;
            /**
             * Format: date-time
             * @description When the rule was last updated.
             */
            updatedAt: string;
        };
        /** @description One page of a list. */
        RedirectSummaryPage: {
            /** @description The items of this page, in the requested order. */
            data: components["schemas"]["RedirectSummary"][];
            pagination: components["schemas"]["Pagination"];
        };
        /**
         * @description The request to refresh an access token.
         * @example {
         *       "refreshToken": "RcZ0mG3s1xv0J2b8cY5q4nT7uWkL9pXeVtHfDgSaQ1o.9kq3mVx0Y2nZr8sT1uWcB4gL5pXeVtHfDgSaQ1oJ7bE"
         *     }
         */
        Refresh: {
            /** @description The refresh token of the last response. It is valid for one use. */
            refreshToken: string;
        };
        /**
         * @description The revenue of a month in the currency of the locale.
         * @example {
         *       "month": "2025-11",
         *       "amount": 13584,
         *       "currency": "EUR",
         *       "source": "invoices",
         *       "originals": [
         *         {
         *           "amount": 15795,
         *           "currency": "USD",
         *           "rate": "0.86",
         *           "rateDate": "2025-11-21",
         *           "rateSource": "open.er-api.com",
         *           "rateState": "fresh"
         *         }
         *       ]
         *     }
         */
        Revenue: {
            /** @description The month. */
            month: string;
            /**
             * Format: int64
             * @description The amount in minor units of `currency`.
             */
            amount: number;
            /** @description The currency of the locale. */
            currency: string;
            /** @description The origin of the amount. */
            source: components["schemas"]["RevenueSource"];
            /** @description The parts of the amount in other currencies, before their conversion for this response. */
            originals: components["schemas"]["Original"][];
        };
        /**
         * @description An amount that replaces the sum of the paid invoices of a month, in the currency of the locale.
         * @example {
         *       "amount": 13584
         *     }
         */
        RevenueFigure: {
            /**
             * Format: int64
             * @description The amount in minor units of the locale's currency.
             */
            amount: number;
        };
        /** @description One page of a list. */
        RevenuePage: {
            /** @description The items of this page, in the requested order. */
            data: components["schemas"]["Revenue"][];
            pagination: components["schemas"]["Pagination"];
        };
        /**
         * @description The origin of the revenue of a month.
         * @enum {string}
         */
        RevenueSource: "invoices" | "imported";
        /**
         * @description A stored version of a post or a document: the time, the kind and the author of the change.
         * @example {
         *       "id": "0199c0de-3333-7c3d-8e1f-2a3b4c5d6e7f",
         *       "version": 3,
         *       "change": "changed",
         *       "by": {
         *         "id": "0199c0de-1111-7c3d-8e1f-2a3b4c5d6e7f",
         *         "name": "Ada Turner",
         *         "avatarUrl": "https://www.acme.test/ada.webp"
         *       },
         *       "createdAt": "2025-11-21T09:30:00.000Z"
         *     }
         */
        Revision: {
            /**
             * Format: uuid
             * @description The unique identifier.
             */
            id: string;
            /**
             * Format: int64
             * @description The version number, from 1.
             */
            version: number;
            /** @description The kind of the change. */
            change: components["schemas"]["Change"];
            /**
             * Format: uuid
             * @description The id of the revision that this version restored; omitted for other changes.
             */
            restoredFrom?: string;
            /** @description The user who made the change; omitted for automatic changes and for deleted users. */
            by?: components["schemas"]["AuthorRef"];
            /**
             * Format: date-time
             * @description The time of the change.
             */
            createdAt: string;
        };
        /**
         * @description The differences between two revisions of a resource.
         * @example {
         *       "revision": "0199c0de-3333-7c3d-8e1f-2a3b4c5d6e7f",
         *       "against": "0199c0de-3332-7c3d-8e1f-2a3b4c5d6e7f",
         *       "fields": [
         *         {
         *           "field": "title",
         *           "before": [
         *             "A joint"
         *           ],
         *           "after": [
         *             "A joint that fits"
         *           ]
         *         }
         *       ],
         *       "content": "@@ -1 +1 @@\n-Cut it.\n+Cut it to fit.\n",
         *       "linesAdded": 1,
         *       "linesRemoved": 1
         *     }
         */
        RevisionDiff: {
            /**
             * Format: uuid
             * @description The id of the revision.
             */
            revision: string;
            /**
             * Format: uuid
             * @description The id of the revision it is compared with; omitted if no earlier one is stored. Then all content is
             *     new.
             */
            against?: string;
            /** @description The changed fields other than `content`. */
            fields: components["schemas"]["FieldChange"][];
            /**
             * @description The hunks of a unified diff of `content` with three lines of context; omitted if `content` is
             *     unchanged.
             */
            content?: string;
            /**
             * Format: int64
             * @description The number of lines added to `content`.
             */
            linesAdded: number;
            /**
             * Format: int64
             * @description The number of lines removed from `content`.
             */
            linesRemoved: number;
        };
        /** @description One page of a list. */
        RevisionPage: {
            /** @description The items of this page, in the requested order. */
            data: components["schemas"]["Revision"][];
            pagination: components["schemas"]["Pagination"];
        };
        /**
         * @description The role of an account.
         * @enum {string}
         */
        Role: "reader" | "author" | "editor" | "accountant" | "admin";
        /**
         * @description A permission of an API key, within the permissions of its owner.
         * @enum {string}
         */
        Scope: "audit:read" | "authors:read" | "channels:read" | "channels:write" | "comments:read" | "comments:write" | "customers:read" | "customers:write" | "dashboard:read" | "documents:read" | "documents:write" | "events:read" | "invoices:read" | "invoices:write" | "jobs:read" | "jobs:write" | "me:read" | "media:read" | "media:write" | "messages:read" | "messages:write" | "posts:read" | "posts:write" | "rates:read" | "redirects:read" | "redirects:write" | "revenues:read" | "revenues:write" | "tags:read" | "tags:write" | "upstreams:read" | "upstreams:write" | "users:read" | "users:write" | "webhook-deliveries:read" | "webhook-deliveries:write" | "webhook-endpoints:read" | "webhook-endpoints:write" | "webhook-events:read" | "webhook-events:write";
        /**
         * @description A session: a client that is signed in.
         * @example {
         *       "id": "0199c0de-5e55-7c3d-8e1f-2a3b4c5d6e7f",
         *       "userAgent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
         *       "address": "192.0.2.7",
         *       "createdAt": "2025-11-21T09:00:00.000Z",
         *       "lastUsedAt": "2025-11-21T09:30:00.000Z",
         *       "expiresAt": "2025-12-21T09:00:00.000Z",
         *       "current": true
         *     }
         */
        Session: {
            /**
             * Format: uuid
             * @description The id of the session.
             */
            id: string;
            /** @description The `User-Agent` header of the client when it signed in. */
            userAgent?: string;
            /** @description The IP address that the client signed in from. */
            address?: string;
            /**
             * Format: date-time
             * @description When the client signed in.
             */
            createdAt: string;
            /**
             * Format: date-time
             * @description When the session was last used, accurate to one minute.
             */
            lastUsedAt: string;
            /**
             * Format: date-time
             * @description When the session expires regardless of use. Without use it expires seven days after the last request.
             */
            expiresAt: string;
            /** @description Whether the session is the one that sent this request. */
            current: boolean;
        };
        /** @description One page of a list. */
        SessionPage: {
            /** @description The items of this page, in the requested order. */
            data: components["schemas"]["Session"][];
            pagination: components["schemas"]["Pagination"];
        };
        /**
         * @description Whether an account is active or disabled.
         * @enum {string}
         */
        Status: "active" | "disabled";
        /**
         * @description A tag with the number of its posts.
         * @example {
         *       "slug": "joinery",
         *       "name": "Joinery",
         *       "description": "Wood that holds without nails.",
         *       "postsCount": 1,
         *       "updatedAt": "2025-11-21T09:30:00.000Z"
         *     }
         */
        Tag: {
            /** @description The identifier of the tag in filters and URLs; unique. */
            slug: string;
            /**
             * Format: line
             * @description The display name.
             */
            name: string;
            /** @description The description; omitted if the tag has none. */
            description?: string;
            /**
             * Format: int64
             * @description The number of published posts with the tag.
             */
            postsCount: number;
            /**
             * Format: date-time
             * @description The time of the last change of the tag; changes of its posts do not count.
             */
            updatedAt: string;
        };
        /**
         * @description A tag without its slug, which is in the URL.
         * @example {
         *       "name": "Joinery",
         *       "description": "Wood that holds without nails."
         *     }
         */
        TagInput: {
            /**
             * Format: line
             * @description The display name; leading and trailing white space is removed.
             */
            name: string;
            /** @description The description. If omitted, the tag has none. */
            description?: string;
        };
        /** @description One page of a list. */
        TagPage: {
            /** @description The items of this page, in the requested order. */
            data: components["schemas"]["Tag"][];
            pagination: components["schemas"]["Pagination"];
        };
        /**
         * @description A merge patch for a tag: omitted fields are unchanged, `null` clears a field.
         * @example {
         *       "name": "Fine joinery",
         *       "slug": "fine-joinery",
         *       "description": "Wood that holds without nails."
         *     }
         */
        TagPatch: {
            /**
             * Format: line
             * @description The display name; leading and trailing white space is removed.
             */
            name?: string;
            /** @description The new identifier in filters and URLs; must be unique. */
            slug?: string;
            /** @description The description; `null` clears it. */
            description?: string | null;
        };
        /**
         * @description A reference to a tag.
         * @example {
         *       "slug": "joinery",
         *       "name": "Joinery"
         *     }
         */
        TagRef: {
            /** @description The identifier of the tag in filters and URLs. */
            slug: string;
            /**
             * Format: line
             * @description The display name.
             */
            name: string;
        };
        /**
         * @description Sort orders of tags.
         * @enum {string}
         */
        TagSort: "slug" | "-slug" | "-postsCount";
        /**
         * @description The type of an access token.
         * @enum {string}
         */
        TokenType: "Bearer";
        /**
         * @description The kind of resource that an event is about.
         * @enum {string}
         */
        Topic: "channels" | "comments" | "customers" | "documents" | "invoices" | "media" | "messages" | "posts" | "rates" | "redirects" | "revenues" | "tags" | "users";
        /**
         * @description A service that is available through this server.
         * @example {
         *       "name": "weather",
         *       "href": "/api/upstreams/weather"
         *     }
         */
        Upstream: {
            /** @description The configured name. */
            name: string;
            /** @description The URL to which the paths of the upstream are appended. */
            href: string;
        };
        /**
         * @description All upstreams, by name.
         * @example {
         *       "data": [
         *         {
         *           "name": "weather",
         *           "href": "/api/upstreams/weather"
         *         }
         *       ]
         *     }
         */
        UpstreamList: {
            /** @description The configured upstreams. */
            data: components["schemas"]["Upstream"][];
        };
        /**
         * @description A user account, as its owner and admins see it.
         * @example {
         *       "id": "0199c0de-1111-7c3d-8e1f-2a3b4c5d6e7f",
         *       "email": "ada@acme.test",
         *       "name": "Ada Turner",
         *       "bio": "Writes about wood and contracts.",
         *       "url": "https://ada.acme.test/",
         *       "avatarUrl": "https://www.acme.test/ada.webp",
         *       "role": "editor",
         *       "status": "active",
         *       "createdAt": "2025-11-20T09:00:00.000Z",
         *       "updatedAt": "2025-11-21T09:00:00.000Z"
         *     }
         */
        User: {
            /**
             * Format: uuid
             * @description The id of the user. It never changes.
             */
            id: string;
            /** @description The e-mail address used to sign in, in lower case; unique. Absent for imported authors. */
            email?: string;
            /**
             * Format: line
             * @description The display name.
             */
            name: string;
            /** @description A short biography. */
            bio?: string;
            /**
             * Format: web-url
             * @description The URL of the user's website.
             */
            url?: string;
            /**
             * Format: web-url
             * @description The URL of the avatar image.
             */
            avatarUrl?: string;
            /** @description The role, which determines the permissions of the account. */
            role: components["schemas"]["Role"];
            /** @description Whether the account is active or disabled. */
            status: components["schemas"]["Status"];
            /**
             * Format: date-time
             * @description When the account was created.
             */
            createdAt: string;
            /**
             * Format: date-time
             * @description When the account was last changed.
             */
            updatedAt: string;
        };
        /**
         * @description The request to create an account.
         * @example {
         *       "email": "ada@acme.test",
         *       "name": "Ada Turner",
         *       "password": "mortise and tenon",
         *       "role": "editor"
         *     }
         */
        UserInput: {
            /** @description The e-mail address used to sign in. Case-insensitive. */
            email: string;
            /**
             * Format: line
             * @description The display name. Surrounding white space is removed.
             */
            name: string;
            /**
             * @description A password of any composition. Commonly used passwords are rejected, and those that consist mostly of the name, the
             *     e-mail address or the name of the product.
             */
            password: string;
            /** @description The role; `reader` by default. Only admins with a session may set another role. */
            role?: components["schemas"]["Role"];
        };
        /** @description One page of a list. */
        UserPage: {
            /** @description The items of this page, in the requested order. */
            data: components["schemas"]["User"][];
            pagination: components["schemas"]["Pagination"];
        };
        /**
         * @description A merge patch of an account (RFC 7396): absent fields stay unchanged, `null` clears a field.
         * @example {
         *       "name": "Ada M. Turner",
         *       "bio": "Writes about wood and contracts.",
         *       "url": "https://ada.acme.test/",
         *       "avatarUrl": "https://www.acme.test/ada.webp",
         *       "email": "ada@acme.test",
         *       "role": "editor",
         *       "status": "active",
         *       "password": "dovetail and biscuit",
         *       "currentPassword": "mortise and tenon"
         *     }
         */
        UserPatch: {
            /**
             * Format: line
             * @description The display name. Surrounding white space is removed.
             */
            name?: string;
            /** @description A short biography; `null` clears it. */
            bio?: string | null;
            /**
             * Format: web-url
             * @description The URL of the user's website; `null` clears it.
             */
            url?: string | null;
            /**
             * Format: web-url
             * @description The URL of the avatar image; `null` clears it.
             */
            avatarUrl?: string | null;
            /** @description The e-mail address used to sign in. Only admins may change it. */
            email?: string;
            /** @description The role. Only admins may change it. A change revokes all other sessions of the account. */
            role?: components["schemas"]["Role"];
            /**
             * @description Whether the account is active or disabled. Only admins may change it. A change revokes the sessions of
             *     the account.
             */
            status?: components["schemas"]["Status"];
            /** @description A new password. It revokes all other sessions of the account. */
            password?: string;
            /** @description The current password. Required to change one's own password. */
            currentPassword?: string;
        };
        /**
         * @description A delivery of an event to an endpoint.
         * @example {
         *       "id": "0199c0de-9a9a-7c3d-8e1f-2a3b4c5d6e72",
         *       "endpointId": "0199c0de-9a9a-7c3d-8e1f-2a3b4c5d6e71",
         *       "eventId": "0199c0de-8888-7c3d-8e1f-2a3b4c5d6e7f",
         *       "type": "post.published",
         *       "payload": "{\"type\":\"post.published\",\"timestamp\":\"2025-11-21T10:30:00.000Z\",\"data\":{\"id\":\"0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f\",\"href\":\"/api/posts/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f\",\"version\":3}}",
         *       "state": "delivered",
         *       "attempts": 1,
         *       "lastStatus": 204,
         *       "createdAt": "2025-11-21T10:30:00.000Z",
         *       "updatedAt": "2025-11-21T10:30:00.120Z",
         *       "deliveredAt": "2025-11-21T10:30:00.120Z"
         *     }
         */
        WebhookDelivery: {
            /**
             * Format: uuid
             * @description The id of the delivery.
             */
            id: string;
            /**
             * Format: uuid
             * @description The id of the endpoint.
             */
            endpointId: string;
            /**
             * Format: uuid
             * @description The id of the event. Every attempt sends it as `webhook-id`.
             */
            eventId: string;
            /** @description The event type; `webhook.test` for test deliveries. */
            type: string;
            /** @description The signed request body. */
            payload: string;
            /** @description The state of the delivery. */
            state: components["schemas"]["DeliveryState"];
            /**
             * Format: int32
             * @description The number of attempts since the delivery was created or replayed.
             */
            attempts: number;
            /**
             * Format: int32
             * @description The status code of the last response.
             */
            lastStatus?: number;
            /**
             * @description The error of the last attempt. Why a request had no response is returned to sessions only: an API key could
             *     use it to search networks for addresses.
             */
            lastError?: string;
            /** @description The start of the last response body. */
            response?: string;
            /**
             * Format: date-time
             * @description The time of the next attempt.
             */
            nextAt?: string;
            /**
             * Format: date-time
             * @description The time of creation.
             */
            createdAt: string;
            /**
             * Format: date-time
             * @description The time of the last update.
             */
            updatedAt: string;
            /**
             * Format: date-time
             * @description The time of the successful attempt.
             */
            deliveredAt?: string;
        };
        /** @description One page of a list. */
        WebhookDeliveryPage: {
            /** @description The items of this page, in the requested order. */
            data: components["schemas"]["WebhookDelivery"][];
            pagination: components["schemas"]["Pagination"];
        };
        /**
         * @description A webhook endpoint: a URL that receives events.
         * @example {
         *       "id": "0199c0de-9a9a-7c3d-8e1f-2a3b4c5d6e71",
         *       "url": "https://hooks.acme.test/tenon",
         *       "description": "Notifies the warehouse of paid invoices.",
         *       "events": [
         *         "invoice.paid",
         *         "posts"
         *       ],
         *       "format": "standard",
         *       "headerNames": [
         *         "authorization"
         *       ],
         *       "state": "enabled",
         *       "createdAt": "2025-11-21T10:30:00.000Z",
         *       "updatedAt": "2025-11-21T10:30:00.000Z"
         *     }
         */
        WebhookEndpoint: {
            /**
             * Format: uuid
             * @description The id of the endpoint.
             */
            id: string;
            /** @description The URL that receives the deliveries. */
            url: string;
            /** @description The purpose of the endpoint. */
            description?: string;
            /** @description The event types and topics that the endpoint receives. Empty: all events. */
            events: ("channels" | "comments" | "customers" | "documents" | "invoices" | "media" | "messages" | "posts" | "rates" | "redirects" | "revenues" | "tags" | "users" | "channel.created" | "channel.updated" | "channel.deleted" | "comment.created" | "comment.updated" | "comment.deleted" | "customer.created" | "customer.updated" | "customer.deleted" | "document.created" | "document.updated" | "document.deleted" | "document.restored" | "invoice.created" | "invoice.updated" | "invoice.paid" | "invoice.voided" | "invoice.deleted" | "media.created" | "media.updated" | "media.deleted" | "message.created" | "message.updated" | "message.deleted" | "post.created" | "post.updated" | "post.published" | "post.unpublished" | "post.deleted" | "post.restored" | "rates.updated" | "redirect.created" | "redirect.updated" | "redirects.imported" | "redirect.deleted" | "revenue.updated" | "revenue.deleted" | "tag.created" | "tag.updated" | "tag.deleted" | "user.created" | "user.updated" | "user.deleted")[];
            /** @description The format of the deliveries. */
            format: components["schemas"]["WebhookFormat"];
            /** @description The names of the custom headers that are added to the deliveries. The values are never returned. */
            headerNames: string[];
            /** @description Whether the endpoint receives deliveries. */
            state: components["schemas"]["EndpointState"];
            /** @description The reason why the endpoint is disabled. Absent if it is enabled. */
            disabledReason?: components["schemas"]["DisabledReason"];
            /**
             * Format: date-time
             * @description The time until which deliveries are also signed with the previous secret.
             */
            previousSecretUntil?: string;
            /**
             * Format: date-time
             * @description The time of creation.
             */
            createdAt: string;
            /**
             * Format: date-time
             * @description The time of the last update.
             */
            updatedAt: string;
        };
        /**
         * @description An endpoint to create.
         * @example {
         *       "url": "https://hooks.acme.test/tenon",
         *       "description": "Notifies the warehouse of paid invoices.",
         *       "events": [
         *         "invoice.paid",
         *         "posts"
         *       ],
         *       "format": "cloudevents",
         *       "headers": [
         *         {
         *           "name": "authorization",
         *           "value": "Bearer token-of-the-receiver"
         *         }
         *       ]
         *     }
         */
        WebhookEndpointInput: {
            /** @description The URL that receives the deliveries: `https://…` with a public address and without user information. */
            url: string;
            /** @description The purpose of the endpoint. Leading and trailing spaces are removed. */
            description?: string;
            /**
             * @description The event types and topics that the endpoint receives. Default: all events.
             * @default []
             */
            events?: ("channels" | "comments" | "customers" | "documents" | "invoices" | "media" | "messages" | "posts" | "rates" | "redirects" | "revenues" | "tags" | "users" | "channel.created" | "channel.updated" | "channel.deleted" | "comment.created" | "comment.updated" | "comment.deleted" | "customer.created" | "customer.updated" | "customer.deleted" | "document.created" | "document.updated" | "document.deleted" | "document.restored" | "invoice.created" | "invoice.updated" | "invoice.paid" | "invoice.voided" | "invoice.deleted" | "media.created" | "media.updated" | "media.deleted" | "message.created" | "message.updated" | "message.deleted" | "post.created" | "post.updated" | "post.published" | "post.unpublished" | "post.deleted" | "post.restored" | "rates.updated" | "redirect.created" | "redirect.updated" | "redirects.imported" | "redirect.deleted" | "revenue.updated" | "revenue.deleted" | "tag.created" | "tag.updated" | "tag.deleted" | "user.created" | "user.updated" | "user.deleted")[];
            /**
             * @description The format of the deliveries.
             * @default standard
             */
            format?: components["schemas"]["WebhookFormat"];
            /** @description The secret that signs the deliveries: `whsec_` and 24 to 64 bytes in base64. Default: a random secret. */
            secret?: string;
            /**
             * @description Custom headers that are added to the deliveries, such as `Authorization`.
             * @default []
             */
            headers?: components["schemas"]["EndpointHeader"][];
        };
        /** @description One page of a list. */
        WebhookEndpointPage: {
            /** @description The items of this page, in the requested order. */
            data: components["schemas"]["WebhookEndpoint"][];
            pagination: components["schemas"]["Pagination"];
        };
        /**
         * @description A merge patch of an endpoint.
         * @example {
         *       "url": "https://hooks.acme.test/tenon",
         *       "description": null,
         *       "events": [
         *         "invoice.paid",
         *         "posts"
         *       ],
         *       "format": "standard",
         *       "headers": [
         *         {
         *           "name": "authorization",
         *           "value": "Bearer token-of-the-receiver"
         *         }
         *       ],
         *       "state": "enabled"
         *     }
         */
        WebhookEndpointPatch: {
            /** @description The new URL. It also applies to pending deliveries. */
            url?: string;
            /** @description The purpose of the endpoint; `null` clears it. */
            description?: string | null;
            /** @description The event types and topics that the endpoint receives. The change applies to later events. */
            events?: ("channels" | "comments" | "customers" | "documents" | "invoices" | "media" | "messages" | "posts" | "rates" | "redirects" | "revenues" | "tags" | "users" | "channel.created" | "channel.updated" | "channel.deleted" | "comment.created" | "comment.updated" | "comment.deleted" | "customer.created" | "customer.updated" | "customer.deleted" | "document.created" | "document.updated" | "document.deleted" | "document.restored" | "invoice.created" | "invoice.updated" | "invoice.paid" | "invoice.voided" | "invoice.deleted" | "media.created" | "media.updated" | "media.deleted" | "message.created" | "message.updated" | "message.deleted" | "post.created" | "post.updated" | "post.published" | "post.unpublished" | "post.deleted" | "post.restored" | "rates.updated" | "redirect.created" | "redirect.updated" | "redirects.imported" | "redirect.deleted" | "revenue.updated" | "revenue.deleted" | "tag.created" | "tag.updated" | "tag.deleted" | "user.created" | "user.updated" | "user.deleted")[];
            /** @description The format of the deliveries of later events. Pending deliveries retain their format. */
            format?: components["schemas"]["WebhookFormat"];
            /** @description The new secret. For 24 hours, deliveries are also signed with the previous one. */
            secret?: string;
            /**
             * @description The custom headers that replace all previous ones. Required with a `url` of another origin if the endpoint has
             *     custom headers, because their values are credentials of the previous receiver.
             */
            headers?: components["schemas"]["EndpointHeader"][];
            /** @description Whether the endpoint receives deliveries. Disabling it fails all pending deliveries. */
            state?: components["schemas"]["EndpointState"];
        };
        /**
         * @description An event from a provider, with its body.
         * @example {
         *       "id": "0199c0de-4444-7c3d-8e1f-2a3b4c5d6e7f",
         *       "provider": "stripe",
         *       "providerId": "evt_1SVr2xGQ",
         *       "type": "invoice.paid",
         *       "state": "handled",
         *       "outcome": "invoice 1 is paid",
         *       "attempts": 1,
         *       "receivedAt": "2025-11-21T09:00:00.000Z",
         *       "handledAt": "2025-11-21T09:00:00.040Z",
         *       "body": "{\"id\":\"evt_1SVr2xGQ\",\"object\":\"event\",\"type\":\"invoice.paid\",\"data\":{\"object\":{\"id\":\"in_1SVr2wGQ\",\"object\":\"invoice\",\"status\":\"paid\",\"amount_paid\":15795,\"currency\":\"usd\",\"metadata\":{\"invoice\":\"1\"}}}}"
         *     }
         */
        WebhookEvent: {
            /**
             * Format: uuid
             * @description The id of the event on this server.
             */
            id: string;
            /** @description The provider that sent the event. */
            provider: components["schemas"]["Provider"];
            /** @description The event id of the provider. An event with a known id is not stored again; if it failed, it is enqueued again. */
            providerId: string;
            /** @description The event type of the provider. */
            type: string;
            /** @description The state of the event. */
            state: components["schemas"]["WebhookEventState"];
            /** @description The result of handling the event, or the reason why nothing was done. */
            outcome?: string;
            /**
             * Format: int32
             * @description The number of attempts to handle it.
             */
            attempts: number;
            /**
             * Format: date-time
             * @description The time of receipt.
             */
            receivedAt: string;
            /**
             * Format: date-time
             * @description The time of the last handling.
             */
            handledAt?: string;
            /** @description The received JSON body, as a string. For a form, the value of the field `payload`. */
            body: string;
        };
        /**
         * @description The state of an event.
         * @enum {string}
         */
        WebhookEventState: "received" | "handled" | "unhandled" | "failed" | "ignored";
        /**
         * @description An event without its body.
         * @example {
         *       "id": "0199c0de-4444-7c3d-8e1f-2a3b4c5d6e7f",
         *       "provider": "stripe",
         *       "providerId": "evt_1SVr2xGQ",
         *       "type": "invoice.paid",
         *       "state": "handled",
         *       "outcome": "invoice 1 is paid",
         *       "attempts": 1,
         *       "receivedAt": "2025-11-21T09:00:00.000Z",
         *       "handledAt": "2025-11-21T09:00:00.040Z"
         *     }
         */
        WebhookEventSummary: {
            /**
             * Format: uuid
             * @description The id of the event on this server.
             */
            id: string;
            /** @description The provider that sent the event. */
            provider: components["schemas"]["Provider"];
            /** @description The event id of the provider. An event with a known id is not stored again; if it failed, it is enqueued again. */
            providerId: string;
            /** @description The event type of the provider. */
            type: string;
            /** @description The state of the event. */
            state: components["schemas"]["WebhookEventState"];
            /** @description The result of handling the event, or the reason why nothing was done. */
            outcome?: string;
            /**
             * Format: int32
             * @description The number of attempts to handle it.
             */
            attempts: number;
            /**
             * Format: date-time
             * @description The time of receipt.
             */
            receivedAt: string;
            /**
             * Format: date-time
             * @description The time of the last handling.
             */
            handledAt?: string;
        };
        /** @description One page of a list. */
        WebhookEventSummaryPage: {
            /** @description The items of this page, in the requested order. */
            data: components["schemas"]["WebhookEventSummary"][];
            pagination: components["schemas"]["Pagination"];
        };
        /**
         * @description The format of deliveries. Both formats are signed as in Standard Webhooks.
         * @enum {string}
         */
        WebhookFormat: "standard" | "cloudevents";
        /**
         * @description The response to a provider.
         * @example {
         *       "received": true
         *     }
         */
        WebhookReceipt: {
            /** @description Always `true`. The result of handling is not part of the response. */
            received: boolean;
        };
        /**
         * @description An error (RFC 9457). `code` is for programs, `detail` is for people.
         * @example {
         *       "type": "https://api.acme.test/problems/not-found",
         *       "title": "Not found",
         *       "status": 404,
         *       "code": "not-found",
         *       "detail": "The URL is wrong, the resource was deleted, or the caller may not see it.",
         *       "instance": "urn:request:0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *       "trace": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *       "errors": []
         *     }
         */
        Problem: {
            /**
             * Format: uri
             * @description The kind of error, as the URL of a page that documents it.
             */
            type: string;
            /** @description The title of this kind of error. */
            title: string;
            /**
             * Format: int32
             * @description The status code of the response.
             */
            status: number;
            code: components["schemas"]["ProblemCode"];
            /** @description The cause of this error and how to fix it. */
            detail: string;
            /** @description The URN of this occurrence of the error. */
            instance: string;
            /** @description The id of the request, as in `X-Request-Id` and in the log of the service. */
            trace: string;
            /** @description All violations, sorted by location. Empty if the error is not about a location in the request. */
            errors: components["schemas"]["ProblemEntry"][];
            /** @description With 412: the ETag of the current version. */
            currentEtag?: string;
        };
        /**
         * @description A violation of one rule, located by `pointer` (in the body), `parameter` or `header`.
         * @example {
         *       "code": "too-long",
         *       "message": "must be 1 to 200 characters, got 231",
         *       "pointer": "#/title"
         *     }
         */
        ProblemEntry: {
            code: components["schemas"]["ProblemEntryCode"];
            /** @description The violated rule and the actual value. */
            message: string;
            /** @description The location in the body, as a JSON Pointer in URI fragment form (RFC 6901, section 6). */
            pointer?: string;
            /** @description The name of the query or path parameter, as sent. */
            parameter?: string;
            /** @description The name of the header. */
            header?: string;
        };
        /**
         * @description The kind of error.
         *
         *     - `validation-failed`: Validation failed
         *     - `malformed-json`: Malformed JSON
         *     - `invalid-signature`: Invalid signature
         *     - `invalid-cursor`: Invalid cursor
         *     - `malformed-request`: Malformed request
         *     - `unauthenticated`: Authentication required
         *     - `invalid-token`: Invalid token
         *     - `invalid-credentials`: Invalid credentials
         *     - `forbidden`: Forbidden
         *     - `insufficient-scope`: Insufficient scope
         *     - `csrf`: Cross-site request rejected
         *     - `not-found`: Not found
         *     - `method-not-allowed`: Method not allowed
         *     - `not-acceptable`: Not acceptable
         *     - `request-timeout`: Request timeout
         *     - `already-exists`: Already exists
         *     - `conflict`: Conflict
         *     - `idempotency-key-in-use`: Idempotency-Key in use
         *     - `precondition-failed`: Precondition failed
         *     - `payload-too-large`: Payload too large
         *     - `uri-too-long`: URI too long
         *     - `unsupported-media-type`: Unsupported media type
         *     - `range-not-satisfiable`: Range not satisfiable
         *     - `idempotency-key-reused`: Idempotency-Key reused
         *     - `precondition-required`: Precondition required
         *     - `too-many-requests`: Too many requests
         *     - `daily-write-limit`: Daily write limit reached
         *     - `headers-too-large`: Headers too large
         *     - `internal-server-error`: Internal server error
         *     - `bad-gateway`: Bad gateway
         *     - `service-unavailable`: Service unavailable
         *     - `hashing-busy`: Password hashing busy
         *     - `concurrency-limit`: Concurrency limit reached
         *     - `busy`: Database busy
         *     - `time-limit-exceeded`: Time limit exceeded
         *     - `insufficient-storage`: Insufficient storage
         *     - `gateway-timeout`: Gateway timeout
         * @example not-found
         * @enum {string}
         */
        ProblemCode: "validation-failed" | "malformed-json" | "invalid-signature" | "invalid-cursor" | "malformed-request" | "unauthenticated" | "invalid-token" | "invalid-credentials" | "forbidden" | "insufficient-scope" | "csrf" | "not-found" | "method-not-allowed" | "not-acceptable" | "request-timeout" | "already-exists" | "conflict" | "idempotency-key-in-use" | "precondition-failed" | "payload-too-large" | "uri-too-long" | "unsupported-media-type" | "range-not-satisfiable" | "idempotency-key-reused" | "precondition-required" | "too-many-requests" | "daily-write-limit" | "headers-too-large" | "internal-server-error" | "bad-gateway" | "service-unavailable" | "hashing-busy" | "concurrency-limit" | "busy" | "time-limit-exceeded" | "insufficient-storage" | "gateway-timeout";
        /**
         * @description The kind of violation.
         * @example too-long
         * @enum {string}
         */
        ProblemEntryCode: "required" | "unknown" | "duplicate" | "type" | "format" | "pattern" | "too-short" | "too-long" | "too-small" | "too-large" | "too-few-items" | "too-many-items" | "too-common" | "too-similar" | "not-unique" | "not-in-enum" | "encoding" | "malformed" | "too-deep" | "conflict" | "invalid";
        /** @description The body of the event `channel.created`. A channel was created. */
        ChannelCreatedWebhook: {
            /**
             * @description The event type.
             * @enum {string}
             */
            type: "channel.created";
            /**
             * Format: date-time
             * @description The time of the event.
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /** @description The body of the event `channel.updated`. A channel, or the group of its readers, was changed. */
        ChannelUpdatedWebhook: {
            /**
             * @description The event type.
             * @enum {string}
             */
            type: "channel.updated";
            /**
             * Format: date-time
             * @description The time of the event.
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /** @description The body of the event `channel.deleted`. A channel was deleted, with all its messages. */
        ChannelDeletedWebhook: {
            /**
             * @description The event type.
             * @enum {string}
             */
            type: "channel.deleted";
            /**
             * Format: date-time
             * @description The time of the event.
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /** @description The body of the event `comment.created`. A comment was created. */
        CommentCreatedWebhook: {
            /**
             * @description The event type.
             * @enum {string}
             */
            type: "comment.created";
            /**
             * Format: date-time
             * @description The time of the event.
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /** @description The body of the event `comment.updated`. The text or the visibility of a comment was changed. */
        CommentUpdatedWebhook: {
            /**
             * @description The event type.
             * @enum {string}
             */
            type: "comment.updated";
            /**
             * Format: date-time
             * @description The time of the event.
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /** @description The body of the event `comment.deleted`. A comment was deleted. */
        CommentDeletedWebhook: {
            /**
             * @description The event type.
             * @enum {string}
             */
            type: "comment.deleted";
            /**
             * Format: date-time
             * @description The time of the event.
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /** @description The body of the event `customer.created`. A customer was created. */
        CustomerCreatedWebhook: {
            /**
             * @description The event type.
             * @enum {string}
             */
            type: "customer.created";
            /**
             * Format: date-time
             * @description The time of the event.
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /** @description The body of the event `customer.updated`. A customer was changed. */
        CustomerUpdatedWebhook: {
            /**
             * @description The event type.
             * @enum {string}
             */
            type: "customer.updated";
            /**
             * Format: date-time
             * @description The time of the event.
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /** @description The body of the event `customer.deleted`. A customer was deleted. */
        CustomerDeletedWebhook: {
            /**
             * @description The event type.
             * @enum {string}
             */
            type: "customer.deleted";
            /**
             * Format: date-time
             * @description The time of the event.
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /** @description The body of the event `document.created`. A document was created. */
        DocumentCreatedWebhook: {
            /**
             * @description The event type.
             * @enum {string}
             */
            type: "document.created";
            /**
             * Format: date-time
             * @description The time of the event.
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /** @description The body of the event `document.updated`. A document was changed. */
        DocumentUpdatedWebhook: {
            /**
             * @description The event type.
             * @enum {string}
             */
            type: "document.updated";
            /**
             * Format: date-time
             * @description The time of the event.
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /** @description The body of the event `document.deleted`. A document was deleted. */
        DocumentDeletedWebhook: {
            /**
             * @description The event type.
             * @enum {string}
             */
            type: "document.deleted";
            /**
             * Format: date-time
             * @description The time of the event.
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /** @description The body of the event `document.restored`. A deleted document was restored. */
        DocumentRestoredWebhook: {
            /**
             * @description The event type.
             * @enum {string}
             */
            type: "document.restored";
            /**
             * Format: date-time
             * @description The time of the event.
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /** @description The body of the event `invoice.created`. An invoice was created. */
        InvoiceCreatedWebhook: {
            /**
             * @description The event type.
             * @enum {string}
             */
            type: "invoice.created";
            /**
             * Format: date-time
             * @description The time of the event.
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /** @description The body of the event `invoice.updated`. An invoice was changed, other than paid or voided. */
        InvoiceUpdatedWebhook: {
            /**
             * @description The event type.
             * @enum {string}
             */
            type: "invoice.updated";
            /**
             * Format: date-time
             * @description The time of the event.
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /** @description The body of the event `invoice.paid`. An invoice was paid. */
        InvoicePaidWebhook: {
            /**
             * @description The event type.
             * @enum {string}
             */
            type: "invoice.paid";
            /**
             * Format: date-time
             * @description The time of the event.
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /** @description The body of the event `invoice.voided`. An invoice was voided. */
        InvoiceVoidedWebhook: {
            /**
             * @description The event type.
             * @enum {string}
             */
            type: "invoice.voided";
            /**
             * Format: date-time
             * @description The time of the event.
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /** @description The body of the event `invoice.deleted`. An invoice was deleted. */
        InvoiceDeletedWebhook: {
            /**
             * @description The event type.
             * @enum {string}
             */
            type: "invoice.deleted";
            /**
             * Format: date-time
             * @description The time of the event.
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /** @description The body of the event `media.created`. An image was uploaded. */
        MediaCreatedWebhook: {
            /**
             * @description The event type.
             * @enum {string}
             */
            type: "media.created";
            /**
             * Format: date-time
             * @description The time of the event.
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /** @description The body of the event `media.updated`. The alternative text of an image was changed. */
        MediaUpdatedWebhook: {
            /**
             * @description The event type.
             * @enum {string}
             */
            type: "media.updated";
            /**
             * Format: date-time
             * @description The time of the event.
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /** @description The body of the event `media.deleted`. An image was deleted. */
        MediaDeletedWebhook: {
            /**
             * @description The event type.
             * @enum {string}
             */
            type: "media.deleted";
            /**
             * Format: date-time
             * @description The time of the event.
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /** @description The body of the event `message.created`. A message was posted in a channel. */
        MessageCreatedWebhook: {
            /**
             * @description The event type.
             * @enum {string}
             */
            type: "message.created";
            /**
             * Format: date-time
             * @description The time of the event.
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /** @description The body of the event `message.updated`. A message was edited. */
        MessageUpdatedWebhook: {
            /**
             * @description The event type.
             * @enum {string}
             */
            type: "message.updated";
            /**
             * Format: date-time
             * @description The time of the event.
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /** @description The body of the event `message.deleted`. A message was deleted. */
        MessageDeletedWebhook: {
            /**
             * @description The event type.
             * @enum {string}
             */
            type: "message.deleted";
            /**
             * Format: date-time
             * @description The time of the event.
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /** @description The body of the event `post.created`. A post was created as a draft. */
        PostCreatedWebhook: {
            /**
             * @description The event type.
             * @enum {string}
             */
            type: "post.created";
            /**
             * Format: date-time
             * @description The time of the event.
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /** @description The body of the event `post.updated`. A post was changed. */
        PostUpdatedWebhook: {
            /**
             * @description The event type.
             * @enum {string}
             */
            type: "post.updated";
            /**
             * Format: date-time
             * @description The time of the event.
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /** @description The body of the event `post.published`. A post was published. */
        PostPublishedWebhook: {
            /**
             * @description The event type.
             * @enum {string}
             */
            type: "post.published";
            /**
             * Format: date-time
             * @description The time of the event.
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /** @description The body of the event `post.unpublished`. A published post was turned back into a draft. */
        PostUnpublishedWebhook: {
            /**
             * @description The event type.
             * @enum {string}
             */
            type: "post.unpublished";
            /**
             * Format: date-time
             * @description The time of the event.
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /** @description The body of the event `post.deleted`. A post was deleted. */
        PostDeletedWebhook: {
            /**
             * @description The event type.
             * @enum {string}
             */
            type: "post.deleted";
            /**
             * Format: date-time
             * @description The time of the event.
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /** @description The body of the event `post.restored`. A deleted post was restored. */
        PostRestoredWebhook: {
            /**
             * @description The event type.
             * @enum {string}
             */
            type: "post.restored";
            /**
             * Format: date-time
             * @description The time of the event.
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /** @description The body of the event `rates.updated`. New exchange rates were fetched. */
        RatesUpdatedWebhook: {
            /**
             * @description The event type.
             * @enum {string}
             */
            type: "rates.updated";
            /**
             * Format: date-time
             * @description The time of the event.
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /** @description The body of the event `redirect.created`. A redirect rule was created. */
        RedirectCreatedWebhook: {
            /**
             * @description The event type.
             * @enum {string}
             */
            type: "redirect.created";
            /**
             * Format: date-time
             * @description The time of the event.
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /** @description The body of the event `redirect.updated`. A redirect rule was changed. */
        RedirectUpdatedWebhook: {
            /**
             * @description The event type.
             * @enum {string}
             */
            type: "redirect.updated";
            /**
             * Format: date-time
             * @description The time of the event.
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /** @description The body of the event `redirects.imported`. Redirect rules were imported. */
        RedirectsImportedWebhook: {
            /**
             * @description The event type.
             * @enum {string}
             */
            type: "redirects.imported";
            /**
             * Format: date-time
             * @description The time of the event.
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /** @description The body of the event `redirect.deleted`. A redirect rule was deleted. */
        RedirectDeletedWebhook: {
            /**
             * @description The event type.
             * @enum {string}
             */
            type: "redirect.deleted";
            /**
             * Format: date-time
             * @description The time of the event.
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /** @description The body of the event `revenue.updated`. The revenue of a month was set. */
        RevenueUpdatedWebhook: {
            /**
             * @description The event type.
             * @enum {string}
             */
            type: "revenue.updated";
            /**
             * Format: date-time
             * @description The time of the event.
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /** @description The body of the event `revenue.deleted`. The revenue of a month was deleted. */
        RevenueDeletedWebhook: {
            /**
             * @description The event type.
             * @enum {string}
             */
            type: "revenue.deleted";
            /**
             * Format: date-time
             * @description The time of the event.
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /** @description The body of the event `tag.created`. A tag was created. */
        TagCreatedWebhook: {
            /**
             * @description The event type.
             * @enum {string}
             */
            type: "tag.created";
            /**
             * Format: date-time
             * @description The time of the event.
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /** @description The body of the event `tag.updated`. A tag was changed. */
        TagUpdatedWebhook: {
            /**
             * @description The event type.
             * @enum {string}
             */
            type: "tag.updated";
            /**
             * Format: date-time
             * @description The time of the event.
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /** @description The body of the event `tag.deleted`. A tag was deleted. */
        TagDeletedWebhook: {
            /**
             * @description The event type.
             * @enum {string}
             */
            type: "tag.deleted";
            /**
             * Format: date-time
             * @description The time of the event.
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /** @description The body of the event `user.created`. An account was created. */
        UserCreatedWebhook: {
            /**
             * @description The event type.
             * @enum {string}
             */
            type: "user.created";
            /**
             * Format: date-time
             * @description The time of the event.
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /** @description The body of the event `user.updated`. An account was changed. */
        UserUpdatedWebhook: {
            /**
             * @description The event type.
             * @enum {string}
             */
            type: "user.updated";
            /**
             * Format: date-time
             * @description The time of the event.
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /** @description The body of the event `user.deleted`. An account was deleted. */
        UserDeletedWebhook: {
            /**
             * @description The event type.
             * @enum {string}
             */
            type: "user.deleted";
            /**
             * Format: date-time
             * @description The time of the event.
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /** @description The body of the event `webhook.test`. An admin requested a test event. */
        WebhookTestWebhook: {
            /**
             * @description The event type.
             * @enum {string}
             */
            type: "webhook.test";
            /**
             * Format: date-time
             * @description The time of the event.
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
    };
    responses: {
        /** @description Validation failed; Malformed JSON; Invalid signature; Invalid cursor; Malformed request */
        BadRequestDeprecated: {
            headers: {
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                Deprecation: components["headers"]["Deprecation"];
                Sunset: components["headers"]["Sunset"];
                Link: components["headers"]["Link.deprecated"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "https://api.acme.test/problems/validation-failed",
                 *       "title": "Validation failed",
                 *       "status": 400,
                 *       "code": "validation-failed",
                 *       "detail": "2 fields are invalid",
                 *       "instance": "urn:request:0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "trace": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "errors": [
                 *         {
                 *           "code": "required",
                 *           "message": "is required",
                 *           "pointer": "#/title"
                 *         },
                 *         {
                 *           "code": "unknown",
                 *           "message": "is not a known parameter: remove it, or use page, limit or sort",
                 *           "parameter": "colour"
                 *         }
                 *       ]
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Validation failed; Malformed JSON; Invalid signature; Invalid cursor; Malformed request */
        BadRequest: {
            headers: {
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "https://api.acme.test/problems/validation-failed",
                 *       "title": "Validation failed",
                 *       "status": 400,
                 *       "code": "validation-failed",
                 *       "detail": "2 fields are invalid",
                 *       "instance": "urn:request:0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "trace": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "errors": [
                 *         {
                 *           "code": "required",
                 *           "message": "is required",
                 *           "pointer": "#/title"
                 *         },
                 *         {
                 *           "code": "unknown",
                 *           "message": "is not a known parameter: remove it, or use page, limit or sort",
                 *           "parameter": "colour"
                 *         }
                 *       ]
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Authentication required; Invalid token; Invalid credentials */
        UnauthorizedDeprecated: {
            headers: {
                "WWW-Authenticate": components["headers"]["WWW-Authenticate"];
                "Set-Cookie": components["headers"]["Set-Cookie"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                Deprecation: components["headers"]["Deprecation"];
                Sunset: components["headers"]["Sunset"];
                Link: components["headers"]["Link.deprecated"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "https://api.acme.test/problems/unauthenticated",
                 *       "title": "Authentication required",
                 *       "status": 401,
                 *       "code": "unauthenticated",
                 *       "detail": "Send an access token or an API key as `Authorization: Bearer …`, or log in to get a session cookie.",
                 *       "instance": "urn:request:0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "trace": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "errors": []
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Authentication required; Invalid token; Invalid credentials */
        Unauthorized: {
            headers: {
                "WWW-Authenticate": components["headers"]["WWW-Authenticate"];
                "Set-Cookie": components["headers"]["Set-Cookie"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "https://api.acme.test/problems/unauthenticated",
                 *       "title": "Authentication required",
                 *       "status": 401,
                 *       "code": "unauthenticated",
                 *       "detail": "Send an access token or an API key as `Authorization: Bearer …`, or log in to get a session cookie.",
                 *       "instance": "urn:request:0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "trace": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "errors": []
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Forbidden; Insufficient scope; Cross-site request rejected */
        ForbiddenDeprecated: {
            headers: {
                "WWW-Authenticate": components["headers"]["WWW-Authenticate.optional"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                Deprecation: components["headers"]["Deprecation"];
                Sunset: components["headers"]["Sunset"];
                Link: components["headers"]["Link.deprecated"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "https://api.acme.test/problems/forbidden",
                 *       "title": "Forbidden",
                 *       "status": 403,
                 *       "code": "forbidden",
                 *       "detail": "The operation or the resource requires another role. `x-authz` of the operation lists the allowed callers.",
                 *       "instance": "urn:request:0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "trace": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "errors": []
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Forbidden; Insufficient scope; Cross-site request rejected */
        Forbidden: {
            headers: {
                "WWW-Authenticate": components["headers"]["WWW-Authenticate.optional"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "https://api.acme.test/problems/forbidden",
                 *       "title": "Forbidden",
                 *       "status": 403,
                 *       "code": "forbidden",
                 *       "detail": "The operation or the resource requires another role. `x-authz` of the operation lists the allowed callers.",
                 *       "instance": "urn:request:0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "trace": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "errors": []
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Not found */
        NotFound: {
            headers: {
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "https://api.acme.test/problems/not-found",
                 *       "title": "Not found",
                 *       "status": 404,
                 *       "code": "not-found",
                 *       "detail": "The URL is wrong, the resource was deleted, or the caller may not see it.",
                 *       "instance": "urn:request:0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "trace": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "errors": []
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Not acceptable */
        NotAcceptableDeprecated: {
            headers: {
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                Deprecation: components["headers"]["Deprecation"];
                Sunset: components["headers"]["Sunset"];
                Link: components["headers"]["Link.deprecated"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "https://api.acme.test/problems/not-acceptable",
                 *       "title": "Not acceptable",
                 *       "status": 406,
                 *       "code": "not-acceptable",
                 *       "detail": "`Accept` or `Accept-Encoding` excludes every representation that this operation returns.",
                 *       "instance": "urn:request:0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "trace": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "errors": []
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Not acceptable */
        NotAcceptable: {
            headers: {
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "https://api.acme.test/problems/not-acceptable",
                 *       "title": "Not acceptable",
                 *       "status": 406,
                 *       "code": "not-acceptable",
                 *       "detail": "`Accept` or `Accept-Encoding` excludes every representation that this operation returns.",
                 *       "instance": "urn:request:0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "trace": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "errors": []
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Request timeout */
        RequestTimeout: {
            headers: {
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "https://api.acme.test/problems/request-timeout",
                 *       "title": "Request timeout",
                 *       "status": 408,
                 *       "code": "request-timeout",
                 *       "detail": "Send the whole request within 30 seconds.",
                 *       "instance": "urn:request:0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "trace": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "errors": []
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Already exists; Conflict; Idempotency-Key in use */
        Conflict: {
            headers: {
                "Retry-After": components["headers"]["Retry-After.optional"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "https://api.acme.test/problems/already-exists",
                 *       "title": "Already exists",
                 *       "status": 409,
                 *       "code": "already-exists",
                 *       "detail": "Another resource has this unique value. Choose another value; `errors` names the field.",
                 *       "instance": "urn:request:0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "trace": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "errors": [
                 *         {
                 *           "code": "not-unique",
                 *           "message": "already exists",
                 *           "pointer": "#/email"
                 *         }
                 *       ]
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Precondition failed */
        PreconditionFailed: {
            headers: {
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "https://api.acme.test/problems/precondition-failed",
                 *       "title": "Precondition failed",
                 *       "status": 412,
                 *       "code": "precondition-failed",
                 *       "detail": "The resource changed since you read it. Read it again, apply your change to the new version and send its ETag in `If-Match`. `currentEtag` is the current version.",
                 *       "instance": "urn:request:0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "trace": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "errors": [],
                 *       "currentEtag": "\"AZnA3npbfD2OHyo7TF1ufw-3\""
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Payload too large */
        PayloadTooLarge: {
            headers: {
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "https://api.acme.test/problems/payload-too-large",
                 *       "title": "Payload too large",
                 *       "status": 413,
                 *       "code": "payload-too-large",
                 *       "detail": "Send at most 1,048,576 bytes, or `media_max_bytes` (by default 20,971,520) bytes for an image. To import many records or redirects, run `tenon import json` or `tenon import redirects` on the server.",
                 *       "instance": "urn:request:0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "trace": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "errors": []
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description URI too long */
        URITooLong: {
            headers: {
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "https://api.acme.test/problems/uri-too-long",
                 *       "title": "URI too long",
                 *       "status": 414,
                 *       "code": "uri-too-long",
                 *       "detail": "Send less than 8,192 bytes of path and query.",
                 *       "instance": "urn:request:0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "trace": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "errors": []
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Unsupported media type */
        UnsupportedMediaType: {
            headers: {
                Accept: components["headers"]["Accept"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "https://api.acme.test/problems/unsupported-media-type",
                 *       "title": "Unsupported media type",
                 *       "status": 415,
                 *       "code": "unsupported-media-type",
                 *       "detail": "Send the body as one of the media types in the response's `Accept`, in UTF-8 and without `Content-Encoding`.",
                 *       "instance": "urn:request:0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "trace": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "errors": []
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Range not satisfiable */
        RangeNotSatisfiable: {
            headers: {
                "Content-Range": components["headers"]["Content-Range"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "https://api.acme.test/problems/range-not-satisfiable",
                 *       "title": "Range not satisfiable",
                 *       "status": 416,
                 *       "code": "range-not-satisfiable",
                 *       "detail": "Request bytes within the size in `Content-Range`, or omit `Range`.",
                 *       "instance": "urn:request:0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "trace": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "errors": []
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Idempotency-Key reused */
        UnprocessableEntity: {
            headers: {
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "https://api.acme.test/problems/idempotency-key-reused",
                 *       "title": "Idempotency-Key reused",
                 *       "status": 422,
                 *       "code": "idempotency-key-reused",
                 *       "detail": "The key was used for a request with another body. Use a new key for every new request.",
                 *       "instance": "urn:request:0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "trace": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "errors": []
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Precondition required */
        PreconditionRequired: {
            headers: {
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "https://api.acme.test/problems/precondition-required",
                 *       "title": "Precondition required",
                 *       "status": 428,
                 *       "code": "precondition-required",
                 *       "detail": "Read the resource and send its ETag in `If-Match`. This prevents lost updates.",
                 *       "instance": "urn:request:0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "trace": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "errors": []
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Too many requests; Daily write limit reached */
        TooManyRequestsDeprecated: {
            headers: {
                "Retry-After": components["headers"]["Retry-After"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                Deprecation: components["headers"]["Deprecation"];
                Sunset: components["headers"]["Sunset"];
                Link: components["headers"]["Link.deprecated"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "https://api.acme.test/problems/too-many-requests",
                 *       "title": "Too many requests",
                 *       "status": 429,
                 *       "code": "too-many-requests",
                 *       "detail": "Retry after `Retry-After` seconds. `RateLimit` has the number of remaining requests.",
                 *       "instance": "urn:request:0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "trace": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "errors": []
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Too many requests; Daily write limit reached */
        TooManyRequests: {
            headers: {
                "Retry-After": components["headers"]["Retry-After"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "https://api.acme.test/problems/too-many-requests",
                 *       "title": "Too many requests",
                 *       "status": 429,
                 *       "code": "too-many-requests",
                 *       "detail": "Retry after `Retry-After` seconds. `RateLimit` has the number of remaining requests.",
                 *       "instance": "urn:request:0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "trace": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "errors": []
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Headers too large */
        RequestHeaderFieldsTooLarge: {
            headers: {
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "https://api.acme.test/problems/headers-too-large",
                 *       "title": "Headers too large",
                 *       "status": 431,
                 *       "code": "headers-too-large",
                 *       "detail": "Send at most 64 headers, with at most 16,384 bytes in total.",
                 *       "instance": "urn:request:0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "trace": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "errors": []
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Internal server error */
        InternalServerErrorDeprecated: {
            headers: {
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                Deprecation: components["headers"]["Deprecation"];
                Sunset: components["headers"]["Sunset"];
                Link: components["headers"]["Link.deprecated"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "https://api.acme.test/problems/internal-server-error",
                 *       "title": "Internal server error",
                 *       "status": 500,
                 *       "code": "internal-server-error",
                 *       "detail": "Retry the request. If it fails again, report the `trace` to the operator.",
                 *       "instance": "urn:request:0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "trace": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "errors": []
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Internal server error */
        InternalServerError: {
            headers: {
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "https://api.acme.test/problems/internal-server-error",
                 *       "title": "Internal server error",
                 *       "status": 500,
                 *       "code": "internal-server-error",
                 *       "detail": "Retry the request. If it fails again, report the `trace` to the operator.",
                 *       "instance": "urn:request:0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "trace": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "errors": []
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Bad gateway */
        BadGateway: {
            headers: {
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "https://api.acme.test/problems/bad-gateway",
                 *       "title": "Bad gateway",
                 *       "status": 502,
                 *       "code": "bad-gateway",
                 *       "detail": "The upstream did not return a usable response; `detail` names the cause. Fix the path or the query, or retry later.",
                 *       "instance": "urn:request:0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "trace": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "errors": []
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Service unavailable; Password hashing busy; Concurrency limit reached; Database busy; Time limit exceeded */
        ServiceUnavailableDeprecated: {
            headers: {
                "Retry-After": components["headers"]["Retry-After"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                Deprecation: components["headers"]["Deprecation"];
                Sunset: components["headers"]["Sunset"];
                Link: components["headers"]["Link.deprecated"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "https://api.acme.test/problems/service-unavailable",
                 *       "title": "Service unavailable",
                 *       "status": 503,
                 *       "code": "service-unavailable",
                 *       "detail": "The service is overloaded or shutting down. Retry after `Retry-After` seconds.",
                 *       "instance": "urn:request:0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "trace": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "errors": []
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Service unavailable; Password hashing busy; Concurrency limit reached; Database busy; Time limit exceeded */
        ServiceUnavailable: {
            headers: {
                "Retry-After": components["headers"]["Retry-After"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "https://api.acme.test/problems/service-unavailable",
                 *       "title": "Service unavailable",
                 *       "status": 503,
                 *       "code": "service-unavailable",
                 *       "detail": "The service is overloaded or shutting down. Retry after `Retry-After` seconds.",
                 *       "instance": "urn:request:0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "trace": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "errors": []
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Gateway timeout */
        GatewayTimeout: {
            headers: {
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "https://api.acme.test/problems/gateway-timeout",
                 *       "title": "Gateway timeout",
                 *       "status": 504,
                 *       "code": "gateway-timeout",
                 *       "detail": "The upstream did not respond in time. Retry later, or request less data at once.",
                 *       "instance": "urn:request:0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "trace": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "errors": []
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Insufficient storage */
        InsufficientStorage: {
            headers: {
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "https://api.acme.test/problems/insufficient-storage",
                 *       "title": "Insufficient storage",
                 *       "status": 507,
                 *       "code": "insufficient-storage",
                 *       "detail": "The disk of the server is full. The request had no effect. Retry when the operator has freed space.",
                 *       "instance": "urn:request:0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "trace": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "errors": []
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Accepted. The event is not sent again */
        WebhookAccepted: {
            headers: {
                [name: string]: unknown;
            };
            content?: never;
        };
        /** @description Gone. The endpoint is disabled */
        WebhookGone: {
            headers: {
                [name: string]: unknown;
            };
            content?: never;
        };
        /** @description Failed. The event is sent again later, not before `Retry-After` */
        WebhookFailed: {
            headers: {
                [name: string]: unknown;
            };
            content?: never;
        };
        /** @description The client's copy is current */
        NotModified: {
            headers: {
                ETag: components["headers"]["ETag"];
                "Content-Language": components["headers"]["Content-Language"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content?: never;
        };
        /** @description The client's copy is current */
        NotModified2: {
            headers: {
                ETag: components["headers"]["ETag"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content?: never;
        };
        /** @description The list in the best matching locale, with the same query */
        TemporaryRedirect: {
            headers: {
                Location: components["headers"]["Location"];
                "Content-Language": components["headers"]["Content-Language"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content?: never;
        };
        /** @description The resource has a new URL */
        PermanentRedirect: {
            headers: {
                Location: components["headers"]["Location"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content?: never;
        };
    };
    parameters: {
        /** @description The ETag of the version to change, a list of ETags, or `*` (RFC 9110, section 13.1.1). If none matches the current version, or the value is malformed, the response is 412. Without this header the change is unconditional, unless the service requires it (428). */
        IfMatch: string;
        /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
        IfNoneMatch: string;
        /**
         * @description The requested bytes, as one range such as `bytes=0-1023` or `bytes=-500` (RFC 9110, section 14.2). A list of ranges and a malformed value are ignored: the response is then the full representation.
         * @example bytes=0-1023
         */
        Range: string;
        /** @description The ETag of the representation that the client has a part of (RFC 9110, section 13.1.5). If it is not the current version, `Range` is ignored. */
        IfRange: string;
        /**
         * @description The preferred languages, each with a weight (RFC 9110, section 12.5.4). Malformed ranges and unavailable languages are ignored.
         * @example fr-CA, fr;q=0.9, en;q=0.5
         */
        AcceptLanguage: string;
        /** @description The `id` of the last event that the client received (HTML Standard, section 9.2.4). The stream begins with the events after it. Takes precedence over `after`. A text that is not a position of this log starts the stream with an event `reset`. */
        LastEventID: string;
        /**
         * @description A unique key for this create. A retry with the same key and body within 24 hours creates nothing and returns the stored response. The same key with another body is rejected with 422. `"k"` (a string of structured fields) and `k` are the same key.
         * @example 7f3e1b0c-post-welcome
         */
        IdempotencyKey: string;
        /**
         * @description `return=minimal` requests 204 without a body instead of the updated resource (RFC 7240). Other preferences are ignored.
         * @example return=minimal
         */
        Prefer: string;
        /**
         * @description The id of the event, equal in all attempts. Use it to ignore duplicates.
         * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
         */
        WebhookId: string;
        /**
         * @description The Unix timestamp of this attempt, in seconds. Reject requests that are older than a few minutes.
         * @example 1763721000
         */
        WebhookTimestamp: number;
        /**
         * @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64. During a rotation of the secret there are two signatures, separated by a space; one of them must match.
         * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
         */
        WebhookSignature: string;
        /**
         * @description The version of CloudEvents.
         * @example 1.0
         */
        CeSpecversion: "1.0";
        /**
         * @description The id of the event, equal to `webhook-id`.
         * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
         */
        CeId: string;
        /**
         * @description The service that sends the event: its `public_url`, or `/` if it is not set.
         * @example https://api.acme.test
         */
        CeSource: string;
        /**
         * @description The event type, as in the field `type`.
         * @example post.published
         */
        CeType: string;
        /**
         * @description The time of the event.
         * @example 2025-11-21T10:30:00.000Z
         */
        CeTime: string;
        /**
         * @description The `nextCursor` of the previous page. The page begins after that page's last item, even if items were
         *     added or removed since. A cursor is valid only for its list, filters and sort order.
         */
        AfterQuery: string;
        /** @description The `nextCursor` of the previous page. */
        AfterQuery2: string;
        /**
         * @description The id of another revision of the same resource. Default: the previous revision.
         * @example 0199c0de-3332-7c3d-8e1f-2a3b4c5d6e7f
         */
        AgainstQuery: string;
        /**
         * @description Whether `total` and `pages` are counted. By default they are counted for numbered pages and omitted
         *     with `after`.
         * @example exact
         */
        CountQuery: components["schemas"]["Count"];
        /**
         * @description Whether the response contains `total` and `pages`. By default, numbered pages contain them and pages
         *     after a cursor do not.
         * @example exact
         */
        CountQuery2: components["schemas"]["Count"];
        /**
         * @description Only invoices with this original currency.
         * @example USD
         */
        CurrencyQuery: string;
        /**
         * @description Only invoices of this customer.
         * @example 0199c0de-2222-7c3d-8e1f-2a3b4c5d6e7f
         */
        CustomerQuery: string;
        /**
         * @description Only invoices of this day or later.
         * @example 2025-11-21
         */
        DateGteQuery: string;
        /**
         * @description Only invoices before this day.
         * @example 2026-12-01
         */
        DateLtQuery: string;
        /**
         * @description Whether to check the file without writing anything. If omitted, the rules are imported.
         * @example true
         */
        DryRunQuery: boolean;
        /**
         * @description `customer` includes the customer, regardless of `fields`.
         * @example customer
         */
        ExpandQuery: components["schemas"]["InvoiceExpand"];
        /**
         * @description Whether destinations may be on any host. Only admins may set it. It sets `external` of each rule whose
         *     destination needs it.
         * @example false
         */
        ExternalQuery: boolean;
        /**
         * @description The fields to return in addition to the id, separated by commas. The default is all but the customer.
         *     `amount` includes the currency and the original amount; `customer` includes the customer, as
         *     `expand=customer` does.
         * @example amount,status
         */
        FieldsQuery: string;
        /**
         * @description The id of the channel.
         * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
         */
        IdPath: string;
        /**
         * @description The id of the delivery.
         * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
         */
        IdPath2: string;
        /**
         * @description The id of the document.
         * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
         */
        IdPath3: string;
        /**
         * @description The id of the endpoint.
         * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
         */
        IdPath4: string;
        /**
         * @description The id of the event.
         * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
         */
        IdPath5: string;
        /**
         * @description The id of the job.
         * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
         */
        IdPath6: string;
        /**
         * @description The invoice's id.
         * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
         */
        IdPath7: string;
        /**
         * @description The key's id.
         * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
         */
        IdPath8: string;
        /**
         * @description The user's id.
         * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
         */
        IdPath9: string;
        /**
         * @description The largest number of months on a page.
         * @example 12
         */
        LimitQuery: number;
        /**
         * @description The maximum number of items per page.
         * @example 10
         */
        LimitQuery2: number;
        /**
         * @description The locale, such as `en-us` or `fr`.
         * @example en-us
         */
        LocalePath: string;
        /**
         * @description The page number, from 1. Ignored if `after` is present.
         * @example 1
         */
        PageQuery: number;
        /**
         * @description The page number, starting at 1. Ignored if `after` is present. Use `after` to read beyond page 10,000.
         * @example 1
         */
        PageQuery2: number;
        /**
         * @description The part of the response to return, as a JSON Pointer (RFC 6901). Absent or empty: the whole response.
         * @example /current/temperature
         */
        PointerQuery: string;
        /**
         * @description The id or the slug of the post.
         * @example a-joint-that-fits
         */
        PostPath: string;
        /**
         * @description Search terms that the name or the e-mail address of the customer contains. Case and accents are
         *     ignored.
         * @example rabbit
         */
        QQuery: string;
        /**
         * @description The query string for the upstream, without the `?`. Its values are percent-encoded for the upstream,
         *     and the whole string again as the value of this parameter.
         * @example city=Oslo&units=metric
         */
        QueryQuery: string;
        /**
         * @description The id of the revision.
         * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
         */
        RevisionPath: string;
        /**
         * @description The sort field, with `-` for descending order. The default is `-month`.
         * @example -month
         */
        SortQuery: string;
        /**
         * @description The sort fields, separated by commas, each with `-` for descending order. Ties are sorted by id.
         * @example -date
         */
        SortQuery2: string;
        /**
         * @description Only invoices with this status.
         * @example pending
         */
        StatusQuery: components["schemas"]["InvoiceStatus"];
    };
    requestBodies: never;
    headers: {
        /** @description The entity tag of this version (RFC 9110, section 8.8.3). */
        ETag: string;
        /**
         * @description The time of the last change (RFC 9110, section 8.8.2).
         * @example Sat, 21 Nov 2026 09:30:00 GMT
         */
        "Last-Modified": string;
        /**
         * @description Whether browsers download or display the file, and its name (RFC 6266).
         * @example attachment; filename="invoice-1.pdf"; filename*=UTF-8''invoice-1.pdf
         */
        "Content-Disposition": string;
        /**
         * @description The supported range unit of `Range` (RFC 9110, section 14.3).
         * @example bytes
         */
        "Accept-Ranges": "bytes";
        /**
         * @description The range of the returned bytes, and the size of the representation (RFC 9110, section 14.4).
         * @example bytes 0-1023/48213
         */
        "Content-Range": string;
        /**
         * @description The URL of the resource, as an absolute path (RFC 9110, section 10.2.2).
         * @example /api/posts/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
         */
        Location: string;
        /**
         * @description Links to the `first`, `prev`, `next` and `last` page, where they exist, with all other query parameters (RFC 8288).
         * @example </api/posts?page=1>; rel="first", </api/posts?page=2>; rel="next"
         */
        Link: string;
        /**
         * @description Links to the deprecation notes (`deprecation`, `sunset`) and to the successor (`successor-version`) of the operation (RFC 8288).
         * @example </api/v2/invoices>; rel="successor-version"
         */
        "Link.deprecated": string;
        /**
         * @description The language of the response (RFC 9110, section 8.5).
         * @example fr
         */
        "Content-Language": string;
        /**
         * @description The time at which the operation was deprecated, as a Unix timestamp (RFC 9745).
         * @example @1795251600
         */
        Deprecation: string;
        /**
         * @description The time at which the operation is removed (RFC 8594).
         * @example Sun, 21 Nov 2027 09:00:00 GMT
         */
        Sunset: string;
        /**
         * @description `true` if the request repeats an earlier one with the same `Idempotency-Key`.
         * @example true
         */
        "Idempotent-Replayed": "true";
        /**
         * @description The applied preference (RFC 7240, section 3).
         * @example return=minimal
         */
        "Preference-Applied": "return=minimal";
        /**
         * @description Sets or clears the session cookie, or sets the device cookie (RFC 6265, section 4.1).
         * @example __Host-session=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0
         */
        "Set-Cookie": string;
        /**
         * @description Disables response buffering in proxies.
         * @example no
         */
        "X-Accel-Buffering": "no";
        /**
         * @description Excludes previews from search engines.
         * @example noindex
         */
        "X-Robots-Tag": "noindex";
        /**
         * @description The remaining requests `r` of each limit, reset in `t` seconds. In a 429 response, `r=0` marks the exceeded limit.
         * @example "anonymous-burst";r=59;t=1
         */
        RateLimit: string;
        /**
         * @description The rate limits of the request: `q` requests per `w` seconds, on average and in a burst.
         * @example "anonymous";q=300;w=60, "anonymous-burst";q=60;w=12
         */
        "RateLimit-Policy": string;
        /**
         * @description The number of seconds to wait before a retry (RFC 9110, section 10.2.3).
         * @example 30
         */
        "Retry-After.optional": number;
        /**
         * @description The number of seconds to wait before a retry (RFC 9110, section 10.2.3).
         * @example 30
         */
        "Retry-After": number;
        /**
         * @description The authentication scheme and the error (RFC 6750, section 3).
         * @example Bearer realm="tenon"
         */
        "WWW-Authenticate.optional": string;
        /**
         * @description The authentication scheme and the error (RFC 6750, section 3).
         * @example Bearer realm="tenon"
         */
        "WWW-Authenticate": string;
        /**
         * @description The accepted media types of the body (RFC 9110, section 15.5.16).
         * @example application/json
         */
        Accept: string;
    };
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    sessionsGetKeys: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The resource */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JwkSet"];
                };
            };
            304: components["responses"]["NotModified2"];
            400: components["responses"]["BadRequest"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    apiKeysList: {
        parameters: {
            query?: {
                /**
                 * @description The page number, starting at 1. Ignored if `after` is present. Use `after` to read beyond page 10,000.
                 * @example 1
                 */
                page?: components["parameters"]["PageQuery2"];
                /**
                 * @description The maximum number of items per page.
                 * @example 10
                 */
                limit?: components["parameters"]["LimitQuery2"];
                /**
                 * @description The `nextCursor` of the previous page. The page begins after that page's last item, even if items were
                 *     added or removed since. A cursor is valid only for its list, filters and sort order.
                 */
                after?: components["parameters"]["AfterQuery"];
                /**
                 * @description Whether `total` and `pages` are counted. By default they are counted for numbered pages and omitted
                 *     with `after`.
                 * @example exact
                 */
                count?: components["parameters"]["CountQuery"];
                /**
                 * @description Return only keys of this user.
                 * @example 0199c0de-1111-7c3d-8e1f-2a3b4c5d6e7f
                 */
                owner?: string;
            };
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of the list */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Link: components["headers"]["Link"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiKeyPage"];
                };
            };
            304: components["responses"]["NotModified2"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    apiKeysCreate: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** @description The request body of `/api/api-keys`. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["ApiKeyInput"];
            };
        };
        responses: {
            /** @description The new resource */
            201: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Location: components["headers"]["Location"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["IssuedApiKey"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            408: components["responses"]["RequestTimeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["URITooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    apiKeysGet: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The key's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath8"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The resource */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Last-Modified": components["headers"]["Last-Modified"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiKey"];
                };
            };
            304: components["responses"]["NotModified2"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    apiKeysDelete: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The key's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath8"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done, without a body */
            204: {
                headers: {
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    apiKeysRotate: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The key's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath8"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The result */
            200: {
                headers: {
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["IssuedApiKey"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            409: components["responses"]["Conflict"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    auditList: {
        parameters: {
            query?: {
                /**
                 * @description The page number, starting at 1. Ignored if `after` is present. Use `after` to read beyond page 10,000.
                 * @example 1
                 */
                page?: components["parameters"]["PageQuery2"];
                /**
                 * @description The maximum number of items per page.
                 * @example 10
                 */
                limit?: components["parameters"]["LimitQuery2"];
                /**
                 * @description The `nextCursor` of the previous page. The page begins after that page's last item, even if items were
                 *     added or removed since. A cursor is valid only for its list, filters and sort order.
                 */
                after?: components["parameters"]["AfterQuery"];
                /**
                 * @description Whether `total` and `pages` are counted. By default they are counted for numbered pages and omitted
                 *     with `after`.
                 * @example exact
                 */
                count?: components["parameters"]["CountQuery"];
                /**
                 * @description Only entries whose actor is this account.
                 * @example 0199c0de-1111-7c3d-8e1f-2a3b4c5d6e7f
                 */
                account?: string;
                /**
                 * @description Only entries with this action.
                 * @example user.updated
                 */
                action?: "channel.created" | "channel.updated" | "channel.deleted" | "comment.created" | "comment.updated" | "comment.deleted" | "customer.created" | "customer.updated" | "customer.deleted" | "document.created" | "document.updated" | "document.deleted" | "document.restored" | "invoice.created" | "invoice.updated" | "invoice.paid" | "invoice.voided" | "invoice.deleted" | "media.created" | "media.updated" | "media.deleted" | "message.created" | "message.updated" | "message.deleted" | "post.created" | "post.updated" | "post.published" | "post.unpublished" | "post.deleted" | "post.restored" | "rates.updated" | "redirect.created" | "redirect.updated" | "redirects.imported" | "redirect.deleted" | "revenue.updated" | "revenue.deleted" | "tag.created" | "tag.updated" | "tag.deleted" | "user.created" | "user.updated" | "user.deleted" | "auth.failed" | "session.created" | "session.refreshed" | "session.reused" | "session.revoked" | "sessions.revoked" | "signing-keys.replaced" | "key.created" | "key.used" | "key.rotated" | "key.deleted" | "keys.deleted" | "endpoint.created" | "endpoint.updated" | "endpoint.rotated" | "endpoint.deleted" | "delivery.tested" | "delivery.replayed" | "webhook.received" | "webhook.replayed" | "job.retried" | "preview.created" | "previews.deleted" | "publication.rejected" | "invoices.exported" | "redirects.exported" | "settings.changed" | "secrets.sealed";
                /**
                 * @description Only entries about the resource with this id.
                 * @example 0199c0de-2222-7c3d-8e1f-2a3b4c5d6e7f
                 */
                resourceId?: string;
                /**
                 * @description Only entries of the request with this id.
                 * @example 01a2239e-7ea5-70ea-bf3a-a800b908985c
                 */
                requestId?: string;
                /**
                 * @description Only entries at or after this time.
                 * @example 2025-11-20T10:30:00.000Z
                 */
                "at[gte]"?: string;
                /**
                 * @description Only entries before this time.
                 * @example 2025-11-21T10:30:00.001Z
                 */
                "at[lt]"?: string;
            };
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of the list */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Link: components["headers"]["Link"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuditEntryPage"];
                };
            };
            304: components["responses"]["NotModified2"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    sessionsLogin: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** @description The request body of `/api/auth/login`. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["Credentials"];
            };
        };
        responses: {
            /** @description The result */
            200: {
                headers: {
                    "Set-Cookie": components["headers"]["Set-Cookie"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Login"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            406: components["responses"]["NotAcceptable"];
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["URITooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    sessionsLogout: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done, without a body */
            204: {
                headers: {
                    "Set-Cookie": components["headers"]["Set-Cookie"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    sessionsRefresh: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** @description The request body of `/api/auth/refresh`. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["Refresh"];
            };
        };
        responses: {
            /** @description The result */
            200: {
                headers: {
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Login"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            406: components["responses"]["NotAcceptable"];
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["URITooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    sessionsList: {
        parameters: {
            query?: {
                /**
                 * @description The page number, starting at 1. Ignored if `after` is present. Use `after` to read beyond page 10,000.
                 * @example 1
                 */
                page?: components["parameters"]["PageQuery2"];
                /**
                 * @description The maximum number of items per page.
                 * @example 10
                 */
                limit?: components["parameters"]["LimitQuery2"];
                /**
                 * @description The `nextCursor` of the previous page. The page begins after that page's last item, even if items were
                 *     added or removed since. A cursor is valid only for its list, filters and sort order.
                 */
                after?: components["parameters"]["AfterQuery"];
                /**
                 * @description Whether `total` and `pages` are counted. By default they are counted for numbered pages and omitted
                 *     with `after`.
                 * @example exact
                 */
                count?: components["parameters"]["CountQuery"];
            };
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of the list */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Link: components["headers"]["Link"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionPage"];
                };
            };
            304: components["responses"]["NotModified2"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    sessionsDelete: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The session's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done, without a body */
            204: {
                headers: {
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    authorsList: {
        parameters: {
            query?: {
                /**
                 * @description The page number, starting at 1. Ignored if `after` is present. Use `after` to read beyond page 10,000.
                 * @example 1
                 */
                page?: components["parameters"]["PageQuery2"];
                /**
                 * @description The maximum number of items per page.
                 * @example 10
                 */
                limit?: components["parameters"]["LimitQuery2"];
                /**
                 * @description The `nextCursor` of the previous page. The page begins after that page's last item, even if items were
                 *     added or removed since. A cursor is valid only for its list, filters and sort order.
                 */
                after?: components["parameters"]["AfterQuery"];
                /**
                 * @description Whether `total` and `pages` are counted. By default they are counted for numbered pages and omitted
                 *     with `after`.
                 * @example exact
                 */
                count?: components["parameters"]["CountQuery"];
                /**
                 * @description Return only authors whose name contains each of these terms. ASCII letters are case-insensitive.
                 * @example turner
                 */
                q?: string;
            };
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of the list */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Link: components["headers"]["Link"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuthorPage"];
                };
            };
            304: components["responses"]["NotModified2"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    authorsGet: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The user's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath9"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The resource */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Author"];
                };
            };
            304: components["responses"]["NotModified2"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    channelsList: {
        parameters: {
            query?: {
                /**
                 * @description The page number, starting at 1. Ignored if `after` is present. Use `after` to read beyond page 10,000.
                 * @example 1
                 */
                page?: components["parameters"]["PageQuery2"];
                /**
                 * @description The maximum number of items per page.
                 * @example 10
                 */
                limit?: components["parameters"]["LimitQuery2"];
                /**
                 * @description The `nextCursor` of the previous page. The page begins after that page's last item, even if items were
                 *     added or removed since. A cursor is valid only for its list, filters and sort order.
                 */
                after?: components["parameters"]["AfterQuery"];
                /**
                 * @description Whether `total` and `pages` are counted. By default they are counted for numbered pages and omitted
                 *     with `after`.
                 * @example exact
                 */
                count?: components["parameters"]["CountQuery"];
                /**
                 * @description Only channels with this audience.
                 * @example public
                 */
                audience?: components["schemas"]["ChannelAudience"];
            };
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of the list */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Link: components["headers"]["Link"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ChannelPage"];
                };
            };
            304: components["responses"]["NotModified2"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    channelsCreate: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A unique key for this create. A retry with the same key and body within 24 hours creates nothing and returns the stored response. The same key with another body is rejected with 422. `"k"` (a string of structured fields) and `k` are the same key.
                 * @example 7f3e1b0c-post-welcome
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description The request body of `/api/channels`. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["ChannelInput"];
            };
        };
        responses: {
            /** @description The new resource */
            201: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Location: components["headers"]["Location"];
                    "Idempotent-Replayed": components["headers"]["Idempotent-Replayed"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Channel"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            408: components["responses"]["RequestTimeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["URITooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableEntity"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    channelsGet: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The id of the channel.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The resource */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Last-Modified": components["headers"]["Last-Modified"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Channel"];
                };
            };
            304: components["responses"]["NotModified2"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    channelsDelete: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the version to change, a list of ETags, or `*` (RFC 9110, section 13.1.1). If none matches the current version, or the value is malformed, the response is 412. Without this header the change is unconditional, unless the service requires it (428). */
                "If-Match"?: components["parameters"]["IfMatch"];
            };
            path: {
                /**
                 * @description The id of the channel.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done, without a body */
            204: {
                headers: {
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            412: components["responses"]["PreconditionFailed"];
            414: components["responses"]["URITooLong"];
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    channelsUpdate: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the version to change, a list of ETags, or `*` (RFC 9110, section 13.1.1). If none matches the current version, or the value is malformed, the response is 412. Without this header the change is unconditional, unless the service requires it (428). */
                "If-Match"?: components["parameters"]["IfMatch"];
                /**
                 * @description `return=minimal` requests 204 without a body instead of the updated resource (RFC 7240). Other preferences are ignored.
                 * @example return=minimal
                 */
                Prefer?: components["parameters"]["Prefer"];
            };
            path: {
                /**
                 * @description The id of the channel.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath"];
            };
            cookie?: never;
        };
        /** @description The request body of `/api/channels/{id}`. */
        requestBody: {
            content: {
                "application/merge-patch+json": components["schemas"]["ChannelPatch"];
                "application/json": components["schemas"]["ChannelPatch"];
            };
        };
        responses: {
            /** @description The updated resource */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Channel"];
                };
            };
            /** @description Updated, without a body (`Prefer: return=minimal`) */
            204: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            408: components["responses"]["RequestTimeout"];
            409: components["responses"]["Conflict"];
            412: components["responses"]["PreconditionFailed"];
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["URITooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    messagesList: {
        parameters: {
            query?: {
                /**
                 * @description The page number, starting at 1. Ignored if `after` is present. Use `after` to read beyond page 10,000.
                 * @example 1
                 */
                page?: components["parameters"]["PageQuery2"];
                /**
                 * @description The maximum number of items per page.
                 * @example 10
                 */
                limit?: components["parameters"]["LimitQuery2"];
                /**
                 * @description The `nextCursor` of the previous page. The page begins after that page's last item, even if items were
                 *     added or removed since. A cursor is valid only for its list, filters and sort order.
                 */
                after?: components["parameters"]["AfterQuery"];
                /**
                 * @description Whether `total` and `pages` are counted. By default they are counted for numbered pages and omitted
                 *     with `after`.
                 * @example exact
                 */
                count?: components["parameters"]["CountQuery"];
            };
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The id of the channel.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of the list */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Link: components["headers"]["Link"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MessagePage"];
                };
            };
            304: components["responses"]["NotModified2"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    messagesCreate: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A unique key for this create. A retry with the same key and body within 24 hours creates nothing and returns the stored response. The same key with another body is rejected with 422. `"k"` (a string of structured fields) and `k` are the same key.
                 * @example 7f3e1b0c-post-welcome
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                /**
                 * @description The id of the channel.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath"];
            };
            cookie?: never;
        };
        /** @description The request body of `/api/channels/{id}/messages`. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["MessageInput"];
            };
        };
        responses: {
            /** @description The existing resource */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Location: components["headers"]["Location"];
                    "Idempotent-Replayed": components["headers"]["Idempotent-Replayed"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Message"];
                };
            };
            /** @description The new resource */
            201: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Location: components["headers"]["Location"];
                    "Idempotent-Replayed": components["headers"]["Idempotent-Replayed"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Message"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            408: components["responses"]["RequestTimeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["URITooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableEntity"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    commentsList: {
        parameters: {
            query?: {
                /**
                 * @description The page number, starting at 1. Ignored if `after` is present. Use `after` to read beyond page 10,000.
                 * @example 1
                 */
                page?: components["parameters"]["PageQuery2"];
                /**
                 * @description The maximum number of items per page.
                 * @example 10
                 */
                limit?: components["parameters"]["LimitQuery2"];
                /**
                 * @description The `nextCursor` of the previous page. The page begins after that page's last item, even if items were
                 *     added or removed since. A cursor is valid only for its list, filters and sort order.
                 */
                after?: components["parameters"]["AfterQuery"];
                /**
                 * @description Whether `total` and `pages` are counted. By default they are counted for numbered pages and omitted
                 *     with `after`.
                 * @example exact
                 */
                count?: components["parameters"]["CountQuery"];
                /**
                 * @description Comments with this moderation status.
                 * @example pending
                 */
                status?: components["schemas"]["CommentStatus"];
                /**
                 * @description Comments on this post.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                post?: string;
                /**
                 * @description Comments by this author.
                 * @example 0199c0de-4444-7c3d-8e1f-2a3b4c5d6e7f
                 */
                author?: string;
                /**
                 * @description Sort order. Ties are sorted by id.
                 * @example -createdAt
                 */
                sort?: components["schemas"]["CommentSort"];
                /**
                 * @description `post` includes a reference to the post of each comment.
                 * @example post
                 */
                expand?: components["schemas"]["CommentExpand"];
            };
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of the list */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Link: components["headers"]["Link"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CommentPage"];
                };
            };
            304: components["responses"]["NotModified2"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    commentsGet: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The id of the comment.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The resource */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Last-Modified": components["headers"]["Last-Modified"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Comment"];
                };
            };
            304: components["responses"]["NotModified2"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    commentsDelete: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the version to change, a list of ETags, or `*` (RFC 9110, section 13.1.1). If none matches the current version, or the value is malformed, the response is 412. Without this header the change is unconditional, unless the service requires it (428). */
                "If-Match"?: components["parameters"]["IfMatch"];
            };
            path: {
                /**
                 * @description The id of the comment.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done, without a body */
            204: {
                headers: {
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            412: components["responses"]["PreconditionFailed"];
            414: components["responses"]["URITooLong"];
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    commentsUpdate: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the version to change, a list of ETags, or `*` (RFC 9110, section 13.1.1). If none matches the current version, or the value is malformed, the response is 412. Without this header the change is unconditional, unless the service requires it (428). */
                "If-Match"?: components["parameters"]["IfMatch"];
                /**
                 * @description `return=minimal` requests 204 without a body instead of the updated resource (RFC 7240). Other preferences are ignored.
                 * @example return=minimal
                 */
                Prefer?: components["parameters"]["Prefer"];
            };
            path: {
                /**
                 * @description The id of the comment.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        /** @description The request body of `/api/comments/{id}`. */
        requestBody: {
            content: {
                "application/merge-patch+json": components["schemas"]["CommentPatch"];
                "application/json": components["schemas"]["CommentPatch"];
            };
        };
        responses: {
            /** @description The updated resource */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Comment"];
                };
            };
            /** @description Updated, without a body (`Prefer: return=minimal`) */
            204: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            408: components["responses"]["RequestTimeout"];
            409: components["responses"]["Conflict"];
            412: components["responses"]["PreconditionFailed"];
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["URITooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    documentsGetByPath: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The path of the document in the tree.
                 * @example guides/getting-started
                 */
                path: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The resource */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Last-Modified": components["headers"]["Last-Modified"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Document"];
                };
            };
            304: components["responses"]["NotModified2"];
            308: components["responses"]["PermanentRedirect"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    documentsReplaceByPath: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the version to change, a list of ETags, or `*` (RFC 9110, section 13.1.1). If none matches the current version, or the value is malformed, the response is 412. Without this header the change is unconditional, unless the service requires it (428). */
                "If-Match"?: components["parameters"]["IfMatch"];
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
                /**
                 * @description `return=minimal` requests 204 without a body instead of the updated resource (RFC 7240). Other preferences are ignored.
                 * @example return=minimal
                 */
                Prefer?: components["parameters"]["Prefer"];
            };
            path: {
                /**
                 * @description The path of the document in the tree.
                 * @example guides/getting-started
                 */
                path: string;
            };
            cookie?: never;
        };
        /** @description The request body of `/api/docs/{path}`. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["DocumentByPathInput"];
            };
        };
        responses: {
            /** @description The updated resource */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Document"];
                };
            };
            /** @description The new resource */
            201: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Location: components["headers"]["Location"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Document"];
                };
            };
            /** @description Updated, without a body (`Prefer: return=minimal`) */
            204: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            308: components["responses"]["PermanentRedirect"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            408: components["responses"]["RequestTimeout"];
            412: components["responses"]["PreconditionFailed"];
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["URITooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    documentsDeleteByPath: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the version to change, a list of ETags, or `*` (RFC 9110, section 13.1.1). If none matches the current version, or the value is malformed, the response is 412. Without this header the change is unconditional, unless the service requires it (428). */
                "If-Match"?: components["parameters"]["IfMatch"];
            };
            path: {
                /**
                 * @description The path of the document in the tree.
                 * @example guides/getting-started
                 */
                path: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done, without a body */
            204: {
                headers: {
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            308: components["responses"]["PermanentRedirect"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            412: components["responses"]["PreconditionFailed"];
            414: components["responses"]["URITooLong"];
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    documentsList: {
        parameters: {
            query?: {
                /**
                 * @description The page number, starting at 1. Ignored if `after` is present. Use `after` to read beyond page 10,000.
                 * @example 1
                 */
                page?: components["parameters"]["PageQuery2"];
                /**
                 * @description The maximum number of items per page.
                 * @example 10
                 */
                limit?: components["parameters"]["LimitQuery2"];
                /**
                 * @description The `nextCursor` of the previous page. The page begins after that page's last item, even if items were
                 *     added or removed since. A cursor is valid only for its list, filters and sort order.
                 */
                after?: components["parameters"]["AfterQuery"];
                /**
                 * @description Whether `total` and `pages` are counted. By default they are counted for numbered pages and omitted
                 *     with `after`.
                 * @example exact
                 */
                count?: components["parameters"]["CountQuery"];
                /**
                 * @description The root of a subtree: the document at this path and all documents below it.
                 * @example guides
                 */
                prefix?: string;
                /**
                 * @description Search terms, separated by spaces. The title must contain all of them; case and accents are ignored.
                 * @example started
                 */
                q?: string;
                /**
                 * @description `only` lists deleted documents instead; for editors.
                 * @example only
                 */
                deleted?: components["schemas"]["Deleted"];
            };
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of the list */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Link: components["headers"]["Link"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DocumentSummaryPage"];
                };
            };
            304: components["responses"]["NotModified2"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    documentsCreate: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A unique key for this create. A retry with the same key and body within 24 hours creates nothing and returns the stored response. The same key with another body is rejected with 422. `"k"` (a string of structured fields) and `k` are the same key.
                 * @example 7f3e1b0c-post-welcome
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description The request body of `/api/documents`. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["DocumentInput"];
            };
        };
        responses: {
            /** @description The new resource */
            201: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Location: components["headers"]["Location"];
                    "Idempotent-Replayed": components["headers"]["Idempotent-Replayed"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Document"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            408: components["responses"]["RequestTimeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["URITooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableEntity"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    documentsGet: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The id of the document.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath3"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The resource */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Last-Modified": components["headers"]["Last-Modified"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Document"];
                };
            };
            304: components["responses"]["NotModified2"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    documentsReplace: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the version to change, a list of ETags, or `*` (RFC 9110, section 13.1.1). If none matches the current version, or the value is malformed, the response is 412. Without this header the change is unconditional, unless the service requires it (428). */
                "If-Match"?: components["parameters"]["IfMatch"];
                /**
                 * @description `return=minimal` requests 204 without a body instead of the updated resource (RFC 7240). Other preferences are ignored.
                 * @example return=minimal
                 */
                Prefer?: components["parameters"]["Prefer"];
            };
            path: {
                /**
                 * @description The id of the document.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath3"];
            };
            cookie?: never;
        };
        /** @description The request body of `/api/documents/{id}`. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["DocumentInput"];
            };
        };
        responses: {
            /** @description The updated resource */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Document"];
                };
            };
            /** @description Updated, without a body (`Prefer: return=minimal`) */
            204: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            408: components["responses"]["RequestTimeout"];
            409: components["responses"]["Conflict"];
            412: components["responses"]["PreconditionFailed"];
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["URITooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    documentsDelete: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the version to change, a list of ETags, or `*` (RFC 9110, section 13.1.1). If none matches the current version, or the value is malformed, the response is 412. Without this header the change is unconditional, unless the service requires it (428). */
                "If-Match"?: components["parameters"]["IfMatch"];
            };
            path: {
                /**
                 * @description The id of the document.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath3"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done, without a body */
            204: {
                headers: {
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            412: components["responses"]["PreconditionFailed"];
            414: components["responses"]["URITooLong"];
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    documentsUpdate: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the version to change, a list of ETags, or `*` (RFC 9110, section 13.1.1). If none matches the current version, or the value is malformed, the response is 412. Without this header the change is unconditional, unless the service requires it (428). */
                "If-Match"?: components["parameters"]["IfMatch"];
                /**
                 * @description `return=minimal` requests 204 without a body instead of the updated resource (RFC 7240). Other preferences are ignored.
                 * @example return=minimal
                 */
                Prefer?: components["parameters"]["Prefer"];
            };
            path: {
                /**
                 * @description The id of the document.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath3"];
            };
            cookie?: never;
        };
        /** @description The request body of `/api/documents/{id}`. */
        requestBody: {
            content: {
                "application/merge-patch+json": components["schemas"]["DocumentPatch"];
                "application/json": components["schemas"]["DocumentPatch"];
            };
        };
        responses: {
            /** @description The updated resource */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Document"];
                };
            };
            /** @description Updated, without a body (`Prefer: return=minimal`) */
            204: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            408: components["responses"]["RequestTimeout"];
            409: components["responses"]["Conflict"];
            412: components["responses"]["PreconditionFailed"];
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["URITooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    documentsRestore: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The id of the document.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath3"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The resource after the action */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Document"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            409: components["responses"]["Conflict"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    documentsRevisionsList: {
        parameters: {
            query?: {
                /**
                 * @description The page number, starting at 1. Ignored if `after` is present. Use `after` to read beyond page 10,000.
                 * @example 1
                 */
                page?: components["parameters"]["PageQuery2"];
                /**
                 * @description The maximum number of items per page.
                 * @example 10
                 */
                limit?: components["parameters"]["LimitQuery2"];
                /**
                 * @description The `nextCursor` of the previous page. The page begins after that page's last item, even if items were
                 *     added or removed since. A cursor is valid only for its list, filters and sort order.
                 */
                after?: components["parameters"]["AfterQuery"];
                /**
                 * @description Whether `total` and `pages` are counted. By default they are counted for numbered pages and omitted
                 *     with `after`.
                 * @example exact
                 */
                count?: components["parameters"]["CountQuery"];
            };
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The id of the document.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath3"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of the list */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Link: components["headers"]["Link"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RevisionPage"];
                };
            };
            304: components["responses"]["NotModified2"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    documentsRevisionsGet: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The id of the document.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath3"];
                /**
                 * @description The id of the revision.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                revision: components["parameters"]["RevisionPath"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The resource */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DocumentRevision"];
                };
            };
            304: components["responses"]["NotModified2"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    documentsRevisionsDiff: {
        parameters: {
            query?: {
                /**
                 * @description The id of another revision of the same resource. Default: the previous revision.
                 * @example 0199c0de-3332-7c3d-8e1f-2a3b4c5d6e7f
                 */
                against?: components["parameters"]["AgainstQuery"];
            };
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The id of the document.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath3"];
                /**
                 * @description The id of the revision.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                revision: components["parameters"]["RevisionPath"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The resource */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RevisionDiff"];
                };
            };
            304: components["responses"]["NotModified2"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    documentsRevisionsRestore: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the version to change, a list of ETags, or `*` (RFC 9110, section 13.1.1). If none matches the current version, or the value is malformed, the response is 412. Without this header the change is unconditional, unless the service requires it (428). */
                "If-Match"?: components["parameters"]["IfMatch"];
            };
            path: {
                /**
                 * @description The id of the document.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath3"];
                /**
                 * @description The id of the revision.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                revision: components["parameters"]["RevisionPath"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The resource after the action */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Document"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            412: components["responses"]["PreconditionFailed"];
            414: components["responses"]["URITooLong"];
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    eventsStream: {
        parameters: {
            query?: {
                /**
                 * @description Only events of these topics; repeat the parameter for several. Default: all topics.
                 * @example [
                 *       "posts",
                 *       "comments"
                 *     ]
                 */
                topics?: components["schemas"]["Topic"][];
                /**
                 * @description The `id` of the last received event. The stream starts with the next event. Intended for clients that
                 *     cannot send the `Last-Event-ID` header, which takes precedence.
                 */
                after?: number;
            };
            header?: {
                /** @description The `id` of the last event that the client received (HTML Standard, section 9.2.4). The stream begins with the events after it. Takes precedence over `after`. A text that is not a position of this log starts the stream with an event `reset`. */
                "Last-Event-ID"?: components["parameters"]["LastEventID"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A stream of events. The `data` of each is one JSON text of this schema */
            200: {
                headers: {
                    "X-Accel-Buffering": components["headers"]["X-Accel-Buffering"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": components["schemas"]["Event"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    healthGet: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The result */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HealthReport"];
                };
            };
            400: components["responses"]["BadRequest"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    jobsList: {
        parameters: {
            query?: {
                /**
                 * @description The page number, starting at 1. Ignored if `after` is present. Use `after` to read beyond page 10,000.
                 * @example 1
                 */
                page?: components["parameters"]["PageQuery2"];
                /**
                 * @description The maximum number of items per page.
                 * @example 10
                 */
                limit?: components["parameters"]["LimitQuery2"];
                /**
                 * @description The `nextCursor` of the previous page. The page begins after that page's last item, even if items were
                 *     added or removed since. A cursor is valid only for its list, filters and sort order.
                 */
                after?: components["parameters"]["AfterQuery"];
                /**
                 * @description Whether `total` and `pages` are counted. By default they are counted for numbered pages and omitted
                 *     with `after`.
                 * @example exact
                 */
                count?: components["parameters"]["CountQuery"];
                /**
                 * @description Only jobs in this state.
                 * @example dead
                 */
                state?: components["schemas"]["JobState"];
                /**
                 * @description Only jobs of this kind.
                 * @example service.sweep
                 */
                kind?: string;
            };
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of the list */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Link: components["headers"]["Link"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobPage"];
                };
            };
            304: components["responses"]["NotModified2"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    jobsGet: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The id of the job.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath6"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The resource */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Last-Modified": components["headers"]["Last-Modified"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
            304: components["responses"]["NotModified2"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    jobsRetry: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The id of the job.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath6"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The accepted job */
            202: {
                headers: {
                    Location: components["headers"]["Location"];
                    "Retry-After": components["headers"]["Retry-After"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            409: components["responses"]["Conflict"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    meGet: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The resource */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Last-Modified": components["headers"]["Last-Modified"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Me"];
                };
            };
            304: components["responses"]["NotModified2"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    meUpdate: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the version to change, a list of ETags, or `*` (RFC 9110, section 13.1.1). If none matches the current version, or the value is malformed, the response is 412. Without this header the change is unconditional, unless the service requires it (428). */
                "If-Match"?: components["parameters"]["IfMatch"];
                /**
                 * @description `return=minimal` requests 204 without a body instead of the updated resource (RFC 7240). Other preferences are ignored.
                 * @example return=minimal
                 */
                Prefer?: components["parameters"]["Prefer"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description The request body of `/api/me`. */
        requestBody: {
            content: {
                "application/merge-patch+json": components["schemas"]["UserPatch"];
                "application/json": components["schemas"]["UserPatch"];
            };
        };
        responses: {
            /** @description The updated resource */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Me"];
                };
            };
            /** @description Updated, without a body (`Prefer: return=minimal`) */
            204: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            408: components["responses"]["RequestTimeout"];
            409: components["responses"]["Conflict"];
            412: components["responses"]["PreconditionFailed"];
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["URITooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    mediaList: {
        parameters: {
            query?: {
                /**
                 * @description The page number, starting at 1. Ignored if `after` is present. Use `after` to read beyond page 10,000.
                 * @example 1
                 */
                page?: components["parameters"]["PageQuery2"];
                /**
                 * @description The maximum number of items per page.
                 * @example 10
                 */
                limit?: components["parameters"]["LimitQuery2"];
                /**
                 * @description The `nextCursor` of the previous page. The page begins after that page's last item, even if items were
                 *     added or removed since. A cursor is valid only for its list, filters and sort order.
                 */
                after?: components["parameters"]["AfterQuery"];
                /**
                 * @description Whether `total` and `pages` are counted. By default they are counted for numbered pages and omitted
                 *     with `after`.
                 * @example exact
                 */
                count?: components["parameters"]["CountQuery"];
                /**
                 * @description Full-text filter: every word must occur in the file name or the alternative text, ignoring case and
                 *     accents.
                 * @example joint
                 */
                q?: string;
                /**
                 * @description Only images of this media type.
                 * @example image/jpeg
                 */
                type?: components["schemas"]["MediaType"];
                /**
                 * @description Only images that this account uploaded. Authors always see their own images only.
                 * @example 0199c0de-1111-7c3d-8e1f-2a3b4c5d6e7f
                 */
                uploadedBy?: string;
                /**
                 * @description The sort field, with a leading `-` for descending order. The default is `-createdAt`. Ties are ordered
                 *     by id.
                 * @example -createdAt
                 */
                sort?: string;
            };
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of the list */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Link: components["headers"]["Link"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MediaPage"];
                };
            };
            304: components["responses"]["NotModified2"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    mediaGet: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The id of the image.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The resource */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Last-Modified": components["headers"]["Last-Modified"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Media"];
                };
            };
            304: components["responses"]["NotModified2"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    mediaDelete: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the version to change, a list of ETags, or `*` (RFC 9110, section 13.1.1). If none matches the current version, or the value is malformed, the response is 412. Without this header the change is unconditional, unless the service requires it (428). */
                "If-Match"?: components["parameters"]["IfMatch"];
            };
            path: {
                /**
                 * @description The id of the image.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done, without a body */
            204: {
                headers: {
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            412: components["responses"]["PreconditionFailed"];
            414: components["responses"]["URITooLong"];
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    mediaUpdate: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the version to change, a list of ETags, or `*` (RFC 9110, section 13.1.1). If none matches the current version, or the value is malformed, the response is 412. Without this header the change is unconditional, unless the service requires it (428). */
                "If-Match"?: components["parameters"]["IfMatch"];
                /**
                 * @description `return=minimal` requests 204 without a body instead of the updated resource (RFC 7240). Other preferences are ignored.
                 * @example return=minimal
                 */
                Prefer?: components["parameters"]["Prefer"];
            };
            path: {
                /**
                 * @description The id of the image.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        /** @description The request body of `/api/media/{id}`. */
        requestBody: {
            content: {
                "application/merge-patch+json": components["schemas"]["MediaPatch"];
                "application/json": components["schemas"]["MediaPatch"];
            };
        };
        responses: {
            /** @description The updated resource */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Media"];
                };
            };
            /** @description Updated, without a body (`Prefer: return=minimal`) */
            204: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            408: components["responses"]["RequestTimeout"];
            412: components["responses"]["PreconditionFailed"];
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["URITooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    messagesGet: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The id of the message.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The resource */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Last-Modified": components["headers"]["Last-Modified"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Message"];
                };
            };
            304: components["responses"]["NotModified2"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    messagesDelete: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the version to change, a list of ETags, or `*` (RFC 9110, section 13.1.1). If none matches the current version, or the value is malformed, the response is 412. Without this header the change is unconditional, unless the service requires it (428). */
                "If-Match"?: components["parameters"]["IfMatch"];
            };
            path: {
                /**
                 * @description The id of the message.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done, without a body */
            204: {
                headers: {
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            412: components["responses"]["PreconditionFailed"];
            414: components["responses"]["URITooLong"];
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    messagesUpdate: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the version to change, a list of ETags, or `*` (RFC 9110, section 13.1.1). If none matches the current version, or the value is malformed, the response is 412. Without this header the change is unconditional, unless the service requires it (428). */
                "If-Match"?: components["parameters"]["IfMatch"];
                /**
                 * @description `return=minimal` requests 204 without a body instead of the updated resource (RFC 7240). Other preferences are ignored.
                 * @example return=minimal
                 */
                Prefer?: components["parameters"]["Prefer"];
            };
            path: {
                /**
                 * @description The id of the message.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        /** @description The request body of `/api/messages/{id}`. */
        requestBody: {
            content: {
                "application/merge-patch+json": components["schemas"]["MessagePatch"];
                "application/json": components["schemas"]["MessagePatch"];
            };
        };
        responses: {
            /** @description The updated resource */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Message"];
                };
            };
            /** @description Updated, without a body (`Prefer: return=minimal`) */
            204: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            408: components["responses"]["RequestTimeout"];
            412: components["responses"]["PreconditionFailed"];
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["URITooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    postsList: {
        parameters: {
            query?: {
                /**
                 * @description The page number, starting at 1. Ignored if `after` is present. Use `after` to read beyond page 10,000.
                 * @example 1
                 */
                page?: components["parameters"]["PageQuery2"];
                /**
                 * @description The maximum number of items per page.
                 * @example 10
                 */
                limit?: components["parameters"]["LimitQuery2"];
                /**
                 * @description The `nextCursor` of the previous page. The page begins after that page's last item, even if items were
                 *     added or removed since. A cursor is valid only for its list, filters and sort order.
                 */
                after?: components["parameters"]["AfterQuery"];
                /**
                 * @description Whether `total` and `pages` are counted. By default they are counted for numbered pages and omitted
                 *     with `after`.
                 * @example exact
                 */
                count?: components["parameters"]["CountQuery"];
                /**
                 * @description Tag slugs: posts with at least one of the comma-separated slugs. Repeat the parameter to require
                 *     several tags.
                 * @example [
                 *       "joinery"
                 *     ]
                 */
                tag?: string[];
                /**
                 * @description Posts with this author or co-author.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                author?: string;
                /**
                 * @description State of the posts; drafts are listed only if the caller can read them. Default: `published`, with
                 *     `deleted=only` `any`.
                 * @example published
                 */
                status?: components["schemas"]["PostStatus"];
                /**
                 * @description `only` lists deleted posts instead, latest deletion first: authors get their own, editors get all.
                 * @example only
                 */
                deleted?: components["schemas"]["Deleted"];
                /**
                 * @description Search terms, separated by spaces. Title or excerpt must contain all of them; case and accents are
                 *     ignored.
                 * @example joint
                 */
                q?: string;
                /**
                 * @description Posts published at or after this time.
                 * @example 2025-11-21T09:00:00.000Z
                 */
                "publishedAt[gte]"?: string;
                /**
                 * @description Posts published before this time.
                 * @example 2026-11-21T09:20:00.000Z
                 */
                "publishedAt[lt]"?: string;
                /**
                 * @description Sort order: comma-separated field names, descending with the prefix `-`. Ties are sorted by id.
                 * @example -publishedAt,title
                 */
                sort?: string;
                /**
                 * @description Comma-separated optional fields to include. Default: `excerpt,coverImage`.
                 * @example excerpt,content
                 */
                fields?: string;
                /**
                 * @description `author` includes the biographies of the authors.
                 * @example author
                 */
                expand?: components["schemas"]["PostExpand"];
            };
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of the list */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Link: components["headers"]["Link"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PostSummaryPage"];
                };
            };
            304: components["responses"]["NotModified2"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    postsCreate: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A unique key for this create. A retry with the same key and body within 24 hours creates nothing and returns the stored response. The same key with another body is rejected with 422. `"k"` (a string of structured fields) and `k` are the same key.
                 * @example 7f3e1b0c-post-welcome
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description The request body of `/api/posts`. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["PostInput"];
            };
        };
        responses: {
            /** @description The new resource */
            201: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Location: components["headers"]["Location"];
                    "Idempotent-Replayed": components["headers"]["Idempotent-Replayed"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Post"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            408: components["responses"]["RequestTimeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["URITooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableEntity"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    postsGet: {
        parameters: {
            query?: {
                /**
                 * @description The token of a preview link. It grants access to the post, draft or published.
                 * @example AZnA3npbfD2OHyo7TF1ufw.kq3mVx0Y2nZr8sT1uWcB4g
                 */
                preview?: string;
            };
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The id or the slug of the post.
                 * @example a-joint-that-fits
                 */
                post: components["parameters"]["PostPath"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The resource */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Last-Modified": components["headers"]["Last-Modified"];
                    "X-Robots-Tag": components["headers"]["X-Robots-Tag"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Post"];
                };
            };
            304: components["responses"]["NotModified2"];
            308: components["responses"]["PermanentRedirect"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    postsReplace: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the version to change, a list of ETags, or `*` (RFC 9110, section 13.1.1). If none matches the current version, or the value is malformed, the response is 412. Without this header the change is unconditional, unless the service requires it (428). */
                "If-Match"?: components["parameters"]["IfMatch"];
                /**
                 * @description `return=minimal` requests 204 without a body instead of the updated resource (RFC 7240). Other preferences are ignored.
                 * @example return=minimal
                 */
                Prefer?: components["parameters"]["Prefer"];
            };
            path: {
                /**
                 * @description The id or the slug of the post.
                 * @example a-joint-that-fits
                 */
                post: components["parameters"]["PostPath"];
            };
            cookie?: never;
        };
        /** @description The request body of `/api/posts/{post}`. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["PostInput"];
            };
        };
        responses: {
            /** @description The updated resource */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Post"];
                };
            };
            /** @description Updated, without a body (`Prefer: return=minimal`) */
            204: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            408: components["responses"]["RequestTimeout"];
            409: components["responses"]["Conflict"];
            412: components["responses"]["PreconditionFailed"];
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["URITooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    postsDelete: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the version to change, a list of ETags, or `*` (RFC 9110, section 13.1.1). If none matches the current version, or the value is malformed, the response is 412. Without this header the change is unconditional, unless the service requires it (428). */
                "If-Match"?: components["parameters"]["IfMatch"];
            };
            path: {
                /**
                 * @description The id or the slug of the post.
                 * @example a-joint-that-fits
                 */
                post: components["parameters"]["PostPath"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done, without a body */
            204: {
                headers: {
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            412: components["responses"]["PreconditionFailed"];
            414: components["responses"]["URITooLong"];
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    postsUpdate: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the version to change, a list of ETags, or `*` (RFC 9110, section 13.1.1). If none matches the current version, or the value is malformed, the response is 412. Without this header the change is unconditional, unless the service requires it (428). */
                "If-Match"?: components["parameters"]["IfMatch"];
                /**
                 * @description `return=minimal` requests 204 without a body instead of the updated resource (RFC 7240). Other preferences are ignored.
                 * @example return=minimal
                 */
                Prefer?: components["parameters"]["Prefer"];
            };
            path: {
                /**
                 * @description The id or the slug of the post.
                 * @example a-joint-that-fits
                 */
                post: components["parameters"]["PostPath"];
            };
            cookie?: never;
        };
        /** @description The request body of `/api/posts/{post}`. */
        requestBody: {
            content: {
                "application/merge-patch+json": components["schemas"]["PostPatch"];
                "application/json": components["schemas"]["PostPatch"];
            };
        };
        responses: {
            /** @description The updated resource */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Post"];
                };
            };
            /** @description Updated, without a body (`Prefer: return=minimal`) */
            204: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            408: components["responses"]["RequestTimeout"];
            409: components["responses"]["Conflict"];
            412: components["responses"]["PreconditionFailed"];
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["URITooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    commentsListForPost: {
        parameters: {
            query?: {
                /**
                 * @description The page number, starting at 1. Ignored if `after` is present. Use `after` to read beyond page 10,000.
                 * @example 1
                 */
                page?: components["parameters"]["PageQuery2"];
                /**
                 * @description The maximum number of items per page.
                 * @example 10
                 */
                limit?: components["parameters"]["LimitQuery2"];
                /**
                 * @description The `nextCursor` of the previous page. The page begins after that page's last item, even if items were
                 *     added or removed since. A cursor is valid only for its list, filters and sort order.
                 */
                after?: components["parameters"]["AfterQuery"];
                /**
                 * @description Whether `total` and `pages` are counted. By default they are counted for numbered pages and omitted
                 *     with `after`.
                 * @example exact
                 */
                count?: components["parameters"]["CountQuery"];
                /**
                 * @description Direct replies to this comment only.
                 * @example 0199c0de-3332-7c3d-8e1f-2a3b4c5d6e7f
                 */
                parent?: string;
            };
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The id or the slug of the post.
                 * @example a-joint-that-fits
                 */
                post: components["parameters"]["PostPath"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of the list */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Link: components["headers"]["Link"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CommentPage"];
                };
            };
            304: components["responses"]["NotModified2"];
            308: components["responses"]["PermanentRedirect"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    commentsCreate: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A unique key for this create. A retry with the same key and body within 24 hours creates nothing and returns the stored response. The same key with another body is rejected with 422. `"k"` (a string of structured fields) and `k` are the same key.
                 * @example 7f3e1b0c-post-welcome
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                /**
                 * @description The id or the slug of the post.
                 * @example a-joint-that-fits
                 */
                post: components["parameters"]["PostPath"];
            };
            cookie?: never;
        };
        /** @description The request body of `/api/posts/{post}/comments`. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["CommentInput"];
            };
        };
        responses: {
            /** @description The new resource */
            201: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Location: components["headers"]["Location"];
                    "Idempotent-Replayed": components["headers"]["Idempotent-Replayed"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Comment"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            408: components["responses"]["RequestTimeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["URITooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableEntity"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    postsCreatePreview: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The id or the slug of the post.
                 * @example a-joint-that-fits
                 */
                post: components["parameters"]["PostPath"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The new resource */
            201: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Location: components["headers"]["Location"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PreviewLink"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    postsDeletePreviews: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The id or the slug of the post.
                 * @example a-joint-that-fits
                 */
                post: components["parameters"]["PostPath"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done, without a body */
            204: {
                headers: {
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    postsRestore: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The id or the slug of the post.
                 * @example a-joint-that-fits
                 */
                post: components["parameters"]["PostPath"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The resource after the action */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Post"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    postsRevisionsList: {
        parameters: {
            query?: {
                /**
                 * @description The page number, starting at 1. Ignored if `after` is present. Use `after` to read beyond page 10,000.
                 * @example 1
                 */
                page?: components["parameters"]["PageQuery2"];
                /**
                 * @description The maximum number of items per page.
                 * @example 10
                 */
                limit?: components["parameters"]["LimitQuery2"];
                /**
                 * @description The `nextCursor` of the previous page. The page begins after that page's last item, even if items were
                 *     added or removed since. A cursor is valid only for its list, filters and sort order.
                 */
                after?: components["parameters"]["AfterQuery"];
                /**
                 * @description Whether `total` and `pages` are counted. By default they are counted for numbered pages and omitted
                 *     with `after`.
                 * @example exact
                 */
                count?: components["parameters"]["CountQuery"];
            };
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The id or the slug of the post.
                 * @example a-joint-that-fits
                 */
                post: components["parameters"]["PostPath"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of the list */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Link: components["headers"]["Link"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RevisionPage"];
                };
            };
            304: components["responses"]["NotModified2"];
            308: components["responses"]["PermanentRedirect"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    postsRevisionsGet: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The id or the slug of the post.
                 * @example a-joint-that-fits
                 */
                post: components["parameters"]["PostPath"];
                /**
                 * @description The id of the revision.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                revision: components["parameters"]["RevisionPath"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The resource */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PostRevision"];
                };
            };
            304: components["responses"]["NotModified2"];
            308: components["responses"]["PermanentRedirect"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    postsRevisionsDiff: {
        parameters: {
            query?: {
                /**
                 * @description The id of another revision of the same resource. Default: the previous revision.
                 * @example 0199c0de-3332-7c3d-8e1f-2a3b4c5d6e7f
                 */
                against?: components["parameters"]["AgainstQuery"];
            };
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The id or the slug of the post.
                 * @example a-joint-that-fits
                 */
                post: components["parameters"]["PostPath"];
                /**
                 * @description The id of the revision.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                revision: components["parameters"]["RevisionPath"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The resource */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RevisionDiff"];
                };
            };
            304: components["responses"]["NotModified2"];
            308: components["responses"]["PermanentRedirect"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    postsRevisionsRestore: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the version to change, a list of ETags, or `*` (RFC 9110, section 13.1.1). If none matches the current version, or the value is malformed, the response is 412. Without this header the change is unconditional, unless the service requires it (428). */
                "If-Match"?: components["parameters"]["IfMatch"];
            };
            path: {
                /**
                 * @description The id or the slug of the post.
                 * @example a-joint-that-fits
                 */
                post: components["parameters"]["PostPath"];
                /**
                 * @description The id of the revision.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                revision: components["parameters"]["RevisionPath"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The resource after the action */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Post"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            412: components["responses"]["PreconditionFailed"];
            414: components["responses"]["URITooLong"];
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    ratesGet: {
        parameters: {
            query?: {
                /**
                 * @description The base currency. The default is the US dollar.
                 * @example USD
                 */
                base?: string;
            };
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The resource */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RateTable"];
                };
            };
            304: components["responses"]["NotModified2"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    redirectsExportCsv: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The file */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Content-Disposition": components["headers"]["Content-Disposition"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example source,destination,permanent,startsAt,endsAt,status,external
                     *     /old/*,/new/*,true,,,,
                     *     /sale,/winter,false,,2027-03-01T00:00:00.000Z,,
                     */
                    "text/csv": string;
                };
            };
            304: components["responses"]["NotModified2"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    redirectsImportCsv: {
        parameters: {
            query?: {
                /**
                 * @description Whether to check the file without writing anything. If omitted, the rules are imported.
                 * @example true
                 */
                dryRun?: components["parameters"]["DryRunQuery"];
                /**
                 * @description Whether destinations may be on any host. Only admins may set it. It sets `external` of each rule whose
                 *     destination needs it.
                 * @example false
                 */
                external?: components["parameters"]["ExternalQuery"];
            };
            header?: {
                /**
                 * @description A unique key for this create. A retry with the same key and body within 24 hours creates nothing and returns the stored response. The same key with another body is rejected with 422. `"k"` (a string of structured fields) and `k` are the same key.
                 * @example 7f3e1b0c-post-welcome
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description The request body of `/api/redirect-files/csv`. */
        requestBody: {
            content: {
                /**
                 * @example source,destination,permanent,startsAt,endsAt,status,external
                 *     /old/*,/new/*,true,,,,
                 *     /sale,/winter,false,,2027-03-01T00:00:00.000Z,,
                 */
                "text/csv": string;
            };
        };
        responses: {
            /** @description The existing resource */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Location: components["headers"]["Location"];
                    "Idempotent-Replayed": components["headers"]["Idempotent-Replayed"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RedirectImport"];
                };
            };
            /** @description The new resource */
            201: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Location: components["headers"]["Location"];
                    "Idempotent-Replayed": components["headers"]["Idempotent-Replayed"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RedirectImport"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            408: components["responses"]["RequestTimeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["URITooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableEntity"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    redirectsExportJson: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The resource */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RedirectMap"];
                };
            };
            304: components["responses"]["NotModified2"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    redirectsImportJson: {
        parameters: {
            query?: {
                /**
                 * @description Whether to check the file without writing anything. If omitted, the rules are imported.
                 * @example true
                 */
                dryRun?: components["parameters"]["DryRunQuery"];
                /**
                 * @description Whether destinations may be on any host. Only admins may set it. It sets `external` of each rule whose
                 *     destination needs it.
                 * @example false
                 */
                external?: components["parameters"]["ExternalQuery"];
            };
            header?: {
                /**
                 * @description A unique key for this create. A retry with the same key and body within 24 hours creates nothing and returns the stored response. The same key with another body is rejected with 422. `"k"` (a string of structured fields) and `k` are the same key.
                 * @example 7f3e1b0c-post-welcome
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description The request body of `/api/redirect-files/json`. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["RedirectMap"];
            };
        };
        responses: {
            /** @description The existing resource */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Location: components["headers"]["Location"];
                    "Idempotent-Replayed": components["headers"]["Idempotent-Replayed"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RedirectImport"];
                };
            };
            /** @description The new resource */
            201: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Location: components["headers"]["Location"];
                    "Idempotent-Replayed": components["headers"]["Idempotent-Replayed"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RedirectImport"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            408: components["responses"]["RequestTimeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["URITooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableEntity"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    redirectsExportNetlify: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The file */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Content-Disposition": components["headers"]["Content-Disposition"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example /sale /winter 307
                     *     /old/* /new/:splat 308
                     */
                    "text/plain": string;
                };
            };
            304: components["responses"]["NotModified2"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    redirectsImportNetlify: {
        parameters: {
            query?: {
                /**
                 * @description Whether to check the file without writing anything. If omitted, the rules are imported.
                 * @example true
                 */
                dryRun?: components["parameters"]["DryRunQuery"];
                /**
                 * @description Whether destinations may be on any host. Only admins may set it. It sets `external` of each rule whose
                 *     destination needs it.
                 * @example false
                 */
                external?: components["parameters"]["ExternalQuery"];
            };
            header?: {
                /**
                 * @description A unique key for this create. A retry with the same key and body within 24 hours creates nothing and returns the stored response. The same key with another body is rejected with 422. `"k"` (a string of structured fields) and `k` are the same key.
                 * @example 7f3e1b0c-post-welcome
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description The request body of `/api/redirect-files/netlify`. */
        requestBody: {
            content: {
                /**
                 * @example /sale /winter 307
                 *     /old/* /new/:splat 308
                 */
                "text/plain": string;
            };
        };
        responses: {
            /** @description The existing resource */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Location: components["headers"]["Location"];
                    "Idempotent-Replayed": components["headers"]["Idempotent-Replayed"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RedirectImport"];
                };
            };
            /** @description The new resource */
            201: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Location: components["headers"]["Location"];
                    "Idempotent-Replayed": components["headers"]["Idempotent-Replayed"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RedirectImport"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            408: components["responses"]["RequestTimeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["URITooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableEntity"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    redirectsList: {
        parameters: {
            query?: {
                /**
                 * @description The page number, starting at 1. Ignored if `after` is present. Use `after` to read beyond page 10,000.
                 * @example 1
                 */
                page?: components["parameters"]["PageQuery2"];
                /**
                 * @description The maximum number of items per page.
                 * @example 10
                 */
                limit?: components["parameters"]["LimitQuery2"];
                /**
                 * @description The `nextCursor` of the previous page. The page begins after that page's last item, even if items were
                 *     added or removed since. A cursor is valid only for its list, filters and sort order.
                 */
                after?: components["parameters"]["AfterQuery"];
                /**
                 * @description Whether `total` and `pages` are counted. By default they are counted for numbered pages and omitted
                 *     with `after`.
                 * @example exact
                 */
                count?: components["parameters"]["CountQuery"];
                /**
                 * @description Search terms that the source or the destination contains. Case and accents are ignored.
                 * @example revenues
                 */
                q?: string;
                /**
                 * @description The sort field, with `-` for descending order. Ties are sorted by id.
                 * @example -hits
                 */
                sort?: string;
            };
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of the list */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Link: components["headers"]["Link"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RedirectSummaryPage"];
                };
            };
            304: components["responses"]["NotModified2"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    redirectsCreate: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A unique key for this create. A retry with the same key and body within 24 hours creates nothing and returns the stored response. The same key with another body is rejected with 422. `"k"` (a string of structured fields) and `k` are the same key.
                 * @example 7f3e1b0c-post-welcome
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description The request body of `/api/redirects`. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["RedirectInput"];
            };
        };
        responses: {
            /** @description The new resource */
            201: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Location: components["headers"]["Location"];
                    "Idempotent-Replayed": components["headers"]["Idempotent-Replayed"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Redirect"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            408: components["responses"]["RequestTimeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["URITooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableEntity"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    redirectsGet: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The source of the rule, with or without the leading slash, or its key form (hyphens for slashes).
                 * @example -api-v1-revenues
                 */
                key: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The resource */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Last-Modified": components["headers"]["Last-Modified"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Redirect"];
                };
            };
            304: components["responses"]["NotModified2"];
            308: components["responses"]["PermanentRedirect"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    redirectsReplace: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the version to change, a list of ETags, or `*` (RFC 9110, section 13.1.1). If none matches the current version, or the value is malformed, the response is 412. Without this header the change is unconditional, unless the service requires it (428). */
                "If-Match"?: components["parameters"]["IfMatch"];
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
                /**
                 * @description `return=minimal` requests 204 without a body instead of the updated resource (RFC 7240). Other preferences are ignored.
                 * @example return=minimal
                 */
                Prefer?: components["parameters"]["Prefer"];
            };
            path: {
                /**
                 * @description The source of the rule, with or without the leading slash, or its key form (hyphens for slashes).
                 * @example -api-v1-revenues
                 */
                key: string;
            };
            cookie?: never;
        };
        /** @description The request body of `/api/redirects/{key}`. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["RedirectReplacement"];
            };
        };
        responses: {
            /** @description The updated resource */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Redirect"];
                };
            };
            /** @description The new resource */
            201: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Location: components["headers"]["Location"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Redirect"];
                };
            };
            /** @description Updated, without a body (`Prefer: return=minimal`) */
            204: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            308: components["responses"]["PermanentRedirect"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            408: components["responses"]["RequestTimeout"];
            409: components["responses"]["Conflict"];
            412: components["responses"]["PreconditionFailed"];
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["URITooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    redirectsDelete: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the version to change, a list of ETags, or `*` (RFC 9110, section 13.1.1). If none matches the current version, or the value is malformed, the response is 412. Without this header the change is unconditional, unless the service requires it (428). */
                "If-Match"?: components["parameters"]["IfMatch"];
            };
            path: {
                /**
                 * @description The source of the rule, with or without the leading slash, or its key form (hyphens for slashes).
                 * @example -api-v1-revenues
                 */
                key: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done, without a body */
            204: {
                headers: {
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            308: components["responses"]["PermanentRedirect"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            412: components["responses"]["PreconditionFailed"];
            414: components["responses"]["URITooLong"];
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    tagsList: {
        parameters: {
            query?: {
                /**
                 * @description The page number, starting at 1. Ignored if `after` is present. Use `after` to read beyond page 10,000.
                 * @example 1
                 */
                page?: components["parameters"]["PageQuery2"];
                /**
                 * @description The maximum number of items per page.
                 * @example 10
                 */
                limit?: components["parameters"]["LimitQuery2"];
                /**
                 * @description The `nextCursor` of the previous page. The page begins after that page's last item, even if items were
                 *     added or removed since. A cursor is valid only for its list, filters and sort order.
                 */
                after?: components["parameters"]["AfterQuery"];
                /**
                 * @description Whether `total` and `pages` are counted. By default they are counted for numbered pages and omitted
                 *     with `after`.
                 * @example exact
                 */
                count?: components["parameters"]["CountQuery"];
                /**
                 * @description Substring of the slug.
                 * @example join
                 */
                q?: string;
                /**
                 * @description Sort order. Ties are sorted by slug.
                 * @example -postsCount
                 */
                sort?: components["schemas"]["TagSort"];
            };
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of the list */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Link: components["headers"]["Link"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TagPage"];
                };
            };
            304: components["responses"]["NotModified2"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    tagsGet: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The slug of the tag.
                 * @example a-joint-that-fits
                 */
                slug: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The resource */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Tag"];
                };
            };
            304: components["responses"]["NotModified2"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    tagsReplace: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the version to change, a list of ETags, or `*` (RFC 9110, section 13.1.1). If none matches the current version, or the value is malformed, the response is 412. Without this header the change is unconditional, unless the service requires it (428). */
                "If-Match"?: components["parameters"]["IfMatch"];
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
                /**
                 * @description `return=minimal` requests 204 without a body instead of the updated resource (RFC 7240). Other preferences are ignored.
                 * @example return=minimal
                 */
                Prefer?: components["parameters"]["Prefer"];
            };
            path: {
                /**
                 * @description The slug of the tag.
                 * @example a-joint-that-fits
                 */
                slug: string;
            };
            cookie?: never;
        };
        /** @description The request body of `/api/tags/{slug}`. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["TagInput"];
            };
        };
        responses: {
            /** @description The updated resource */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Tag"];
                };
            };
            /** @description The new resource */
            201: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Location: components["headers"]["Location"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Tag"];
                };
            };
            /** @description Updated, without a body (`Prefer: return=minimal`) */
            204: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            408: components["responses"]["RequestTimeout"];
            412: components["responses"]["PreconditionFailed"];
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["URITooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    tagsDelete: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the version to change, a list of ETags, or `*` (RFC 9110, section 13.1.1). If none matches the current version, or the value is malformed, the response is 412. Without this header the change is unconditional, unless the service requires it (428). */
                "If-Match"?: components["parameters"]["IfMatch"];
            };
            path: {
                /**
                 * @description The slug of the tag.
                 * @example a-joint-that-fits
                 */
                slug: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done, without a body */
            204: {
                headers: {
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            412: components["responses"]["PreconditionFailed"];
            414: components["responses"]["URITooLong"];
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    tagsUpdate: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the version to change, a list of ETags, or `*` (RFC 9110, section 13.1.1). If none matches the current version, or the value is malformed, the response is 412. Without this header the change is unconditional, unless the service requires it (428). */
                "If-Match"?: components["parameters"]["IfMatch"];
                /**
                 * @description `return=minimal` requests 204 without a body instead of the updated resource (RFC 7240). Other preferences are ignored.
                 * @example return=minimal
                 */
                Prefer?: components["parameters"]["Prefer"];
            };
            path: {
                /**
                 * @description The slug of the tag.
                 * @example a-joint-that-fits
                 */
                slug: string;
            };
            cookie?: never;
        };
        /** @description The request body of `/api/tags/{slug}`. */
        requestBody: {
            content: {
                "application/merge-patch+json": components["schemas"]["TagPatch"];
                "application/json": components["schemas"]["TagPatch"];
            };
        };
        responses: {
            /** @description The updated resource */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Tag"];
                };
            };
            /** @description Updated, without a body (`Prefer: return=minimal`) */
            204: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            408: components["responses"]["RequestTimeout"];
            409: components["responses"]["Conflict"];
            412: components["responses"]["PreconditionFailed"];
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["URITooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    mediaUpload: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A unique key for this create. A retry with the same key and body within 24 hours creates nothing and returns the stored response. The same key with another body is rejected with 422. `"k"` (a string of structured fields) and `k` are the same key.
                 * @example 7f3e1b0c-post-welcome
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description A form with the image in the part `file`. */
        requestBody: {
            content: {
                "multipart/form-data": components["schemas"]["MediaInput"];
            };
        };
        responses: {
            /** @description The existing resource */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Location: components["headers"]["Location"];
                    "Idempotent-Replayed": components["headers"]["Idempotent-Replayed"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Media"];
                };
            };
            /** @description The new resource */
            201: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Location: components["headers"]["Location"];
                    "Idempotent-Replayed": components["headers"]["Idempotent-Replayed"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Media"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            408: components["responses"]["RequestTimeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["URITooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableEntity"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    upstreamsList: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The resource */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UpstreamList"];
                };
            };
            304: components["responses"]["NotModified2"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    upstreamsGet: {
        parameters: {
            query?: {
                /**
                 * @description The query string for the upstream, without the `?`. Its values are percent-encoded for the upstream,
                 *     and the whole string again as the value of this parameter.
                 * @example city=Oslo&units=metric
                 */
                query?: components["parameters"]["QueryQuery"];
                /**
                 * @description The part of the response to return, as a JSON Pointer (RFC 6901). Absent or empty: the whole response.
                 * @example /current/temperature
                 */
                pointer?: components["parameters"]["PointerQuery"];
            };
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The configured name of the upstream.
                 * @example weather
                 */
                upstream: string;
                /**
                 * @description The path below the base URL of the upstream, with any number of segments.
                 * @example v1/forecast
                 */
                path: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The resource */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "city": "Oslo",
                     *       "temperature": -4
                     *     }
                     */
                    "application/json": unknown;
                };
            };
            304: components["responses"]["NotModified2"];
            308: components["responses"]["PermanentRedirect"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            502: components["responses"]["BadGateway"];
            503: components["responses"]["ServiceUnavailable"];
            504: components["responses"]["GatewayTimeout"];
        };
    };
    upstreamsSend: {
        parameters: {
            query?: {
                /**
                 * @description The query string for the upstream, without the `?`. Its values are percent-encoded for the upstream,
                 *     and the whole string again as the value of this parameter.
                 * @example city=Oslo&units=metric
                 */
                query?: components["parameters"]["QueryQuery"];
                /**
                 * @description The part of the response to return, as a JSON Pointer (RFC 6901). Absent or empty: the whole response.
                 * @example /current/temperature
                 */
                pointer?: components["parameters"]["PointerQuery"];
            };
            header?: never;
            path: {
                /**
                 * @description The configured name of the upstream.
                 * @example weather
                 */
                upstream: string;
                /**
                 * @description The path below the base URL of the upstream, with any number of segments.
                 * @example v1/forecast
                 */
                path: string;
            };
            cookie?: never;
        };
        /** @description The request body of `/api/upstreams/{upstream}/{path}`. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "city": "Oslo",
                 *       "temperature": -4
                 *     }
                 */
                "application/json": unknown;
            };
        };
        responses: {
            /** @description The result */
            200: {
                headers: {
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "city": "Oslo",
                     *       "temperature": -4
                     *     }
                     */
                    "application/json": unknown;
                };
            };
            308: components["responses"]["PermanentRedirect"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["URITooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            502: components["responses"]["BadGateway"];
            503: components["responses"]["ServiceUnavailable"];
            504: components["responses"]["GatewayTimeout"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    usersList: {
        parameters: {
            query?: {
                /**
                 * @description The page number, starting at 1. Ignored if `after` is present. Use `after` to read beyond page 10,000.
                 * @example 1
                 */
                page?: components["parameters"]["PageQuery2"];
                /**
                 * @description The maximum number of items per page.
                 * @example 10
                 */
                limit?: components["parameters"]["LimitQuery2"];
                /**
                 * @description The `nextCursor` of the previous page. The page begins after that page's last item, even if items were
                 *     added or removed since. A cursor is valid only for its list, filters and sort order.
                 */
                after?: components["parameters"]["AfterQuery"];
                /**
                 * @description Whether `total` and `pages` are counted. By default they are counted for numbered pages and omitted
                 *     with `after`.
                 * @example exact
                 */
                count?: components["parameters"]["CountQuery"];
                /**
                 * @description Return only accounts with this role.
                 * @example editor
                 */
                role?: components["schemas"]["Role"];
                /**
                 * @description Return only accounts with this status.
                 * @example active
                 */
                status?: components["schemas"]["Status"];
                /**
                 * @description Return only accounts whose name or e-mail address contains each of these terms. ASCII letters are
                 *     case-insensitive.
                 * @example turner
                 */
                q?: string;
                /**
                 * @description The sort order: a field name, with a leading `-` for descending order. Ties are sorted by id.
                 * @example name
                 */
                sort?: string;
            };
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of the list */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Link: components["headers"]["Link"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UserPage"];
                };
            };
            304: components["responses"]["NotModified2"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    usersCreate: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A unique key for this create. A retry with the same key and body within 24 hours creates nothing and returns the stored response. The same key with another body is rejected with 422. `"k"` (a string of structured fields) and `k` are the same key.
                 * @example 7f3e1b0c-post-welcome
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description The request body of `/api/users`. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["UserInput"];
            };
        };
        responses: {
            /** @description The new resource */
            201: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Location: components["headers"]["Location"];
                    "Idempotent-Replayed": components["headers"]["Idempotent-Replayed"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            408: components["responses"]["RequestTimeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["URITooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableEntity"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    usersGet: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The user's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath9"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The resource */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Last-Modified": components["headers"]["Last-Modified"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"];
                };
            };
            304: components["responses"]["NotModified2"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    usersDelete: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the version to change, a list of ETags, or `*` (RFC 9110, section 13.1.1). If none matches the current version, or the value is malformed, the response is 412. Without this header the change is unconditional, unless the service requires it (428). */
                "If-Match"?: components["parameters"]["IfMatch"];
            };
            path: {
                /**
                 * @description The user's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath9"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done, without a body */
            204: {
                headers: {
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            412: components["responses"]["PreconditionFailed"];
            414: components["responses"]["URITooLong"];
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    usersUpdate: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the version to change, a list of ETags, or `*` (RFC 9110, section 13.1.1). If none matches the current version, or the value is malformed, the response is 412. Without this header the change is unconditional, unless the service requires it (428). */
                "If-Match"?: components["parameters"]["IfMatch"];
                /**
                 * @description `return=minimal` requests 204 without a body instead of the updated resource (RFC 7240). Other preferences are ignored.
                 * @example return=minimal
                 */
                Prefer?: components["parameters"]["Prefer"];
            };
            path: {
                /**
                 * @description The user's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath9"];
            };
            cookie?: never;
        };
        /** @description The request body of `/api/users/{id}`. */
        requestBody: {
            content: {
                "application/merge-patch+json": components["schemas"]["UserPatch"];
                "application/json": components["schemas"]["UserPatch"];
            };
        };
        responses: {
            /** @description The updated resource */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"];
                };
            };
            /** @description Updated, without a body (`Prefer: return=minimal`) */
            204: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            408: components["responses"]["RequestTimeout"];
            409: components["responses"]["Conflict"];
            412: components["responses"]["PreconditionFailed"];
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["URITooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    invoicesListV1: {
        parameters: {
            query?: {
                /**
                 * @description The page number, starting at 1. Ignored if `after` is present. Use `after` to read beyond page 10,000.
                 * @example 1
                 */
                page?: components["parameters"]["PageQuery2"];
                /**
                 * @description The maximum number of items per page.
                 * @example 10
                 */
                limit?: components["parameters"]["LimitQuery2"];
                /**
                 * @description The `nextCursor` of the previous page. The page begins after that page's last item, even if items were
                 *     added or removed since. A cursor is valid only for its list, filters and sort order.
                 */
                after?: components["parameters"]["AfterQuery"];
                /**
                 * @description Whether `total` and `pages` are counted. By default they are counted for numbered pages and omitted
                 *     with `after`.
                 * @example exact
                 */
                count?: components["parameters"]["CountQuery"];
                /**
                 * @description Only invoices with this status.
                 * @example pending
                 */
                status?: components["parameters"]["StatusQuery"];
                /**
                 * @description The sort field, with `-` for descending order. Ties are sorted by id.
                 * @example -date
                 */
                sort?: string;
                /**
                 * @description `off` disables the redirect by country.
                 * @example off
                 */
                geo?: components["schemas"]["Geo"];
            };
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of the list */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Link: components["headers"]["Link"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    Deprecation: components["headers"]["Deprecation"];
                    Sunset: components["headers"]["Sunset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["InvoiceSummaryPage"];
                };
            };
            /** @description The view for the client's country, with the same query */
            302: {
                headers: {
                    Location: components["headers"]["Location"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    Deprecation: components["headers"]["Deprecation"];
                    Sunset: components["headers"]["Sunset"];
                    Link: components["headers"]["Link.deprecated"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The client's copy is current */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    Deprecation: components["headers"]["Deprecation"];
                    Sunset: components["headers"]["Sunset"];
                    Link: components["headers"]["Link.deprecated"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequestDeprecated"];
            401: components["responses"]["UnauthorizedDeprecated"];
            403: components["responses"]["ForbiddenDeprecated"];
            406: components["responses"]["NotAcceptableDeprecated"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequestsDeprecated"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerErrorDeprecated"];
            503: components["responses"]["ServiceUnavailableDeprecated"];
        };
    };
    customersList: {
        parameters: {
            query?: {
                /**
                 * @description The page number, starting at 1. Ignored if `after` is present. Use `after` to read beyond page 10,000.
                 * @example 1
                 */
                page?: components["parameters"]["PageQuery2"];
                /**
                 * @description The maximum number of items per page.
                 * @example 10
                 */
                limit?: components["parameters"]["LimitQuery2"];
                /**
                 * @description The `nextCursor` of the previous page. The page begins after that page's last item, even if items were
                 *     added or removed since. A cursor is valid only for its list, filters and sort order.
                 */
                after?: components["parameters"]["AfterQuery"];
                /**
                 * @description Whether `total` and `pages` are counted. By default they are counted for numbered pages and omitted
                 *     with `after`.
                 * @example exact
                 */
                count?: components["parameters"]["CountQuery"];
                /**
                 * @description Only the customer with this e-mail address. Case is ignored.
                 * @example evil@rabbit.acme.test
                 */
                email?: string;
                /**
                 * @description Only customers that were created at this time or later.
                 * @example 2026-01-01T00:00:00.000Z
                 */
                "createdAt[gte]"?: string;
                /**
                 * @description Only customers that were created before this time.
                 * @example 2027-01-01T00:00:00.000Z
                 */
                "createdAt[lt]"?: string;
                /**
                 * @description Search terms that the name or the e-mail address contains. Case and accents are ignored.
                 * @example rabbit
                 */
                q?: string;
                /**
                 * @description The sort fields, separated by commas, each with `-` for descending order. Ties are sorted by id.
                 * @example name,-createdAt
                 */
                sort?: string;
                /**
                 * @description The fields to return in addition to the id, separated by commas. The default is all.
                 * @example id,name,email
                 */
                fields?: string;
            };
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of the list */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Link: components["headers"]["Link"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CustomerSummaryPage"];
                };
            };
            304: components["responses"]["NotModified2"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    customersCreate: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A unique key for this create. A retry with the same key and body within 24 hours creates nothing and returns the stored response. The same key with another body is rejected with 422. `"k"` (a string of structured fields) and `k` are the same key.
                 * @example 7f3e1b0c-post-welcome
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description The request body of `/api/v2/customers`. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["CustomerInput"];
            };
        };
        responses: {
            /** @description The new resource */
            201: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Location: components["headers"]["Location"];
                    "Idempotent-Replayed": components["headers"]["Idempotent-Replayed"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Customer"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            408: components["responses"]["RequestTimeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["URITooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableEntity"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    customersGet: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The customer's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The resource */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Last-Modified": components["headers"]["Last-Modified"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Customer"];
                };
            };
            304: components["responses"]["NotModified2"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    customersReplace: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the version to change, a list of ETags, or `*` (RFC 9110, section 13.1.1). If none matches the current version, or the value is malformed, the response is 412. Without this header the change is unconditional, unless the service requires it (428). */
                "If-Match"?: components["parameters"]["IfMatch"];
                /**
                 * @description `return=minimal` requests 204 without a body instead of the updated resource (RFC 7240). Other preferences are ignored.
                 * @example return=minimal
                 */
                Prefer?: components["parameters"]["Prefer"];
            };
            path: {
                /**
                 * @description The customer's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        /** @description The request body of `/api/v2/customers/{id}`. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["CustomerInput"];
            };
        };
        responses: {
            /** @description The updated resource */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Customer"];
                };
            };
            /** @description Updated, without a body (`Prefer: return=minimal`) */
            204: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            408: components["responses"]["RequestTimeout"];
            409: components["responses"]["Conflict"];
            412: components["responses"]["PreconditionFailed"];
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["URITooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    customersDelete: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the version to change, a list of ETags, or `*` (RFC 9110, section 13.1.1). If none matches the current version, or the value is malformed, the response is 412. Without this header the change is unconditional, unless the service requires it (428). */
                "If-Match"?: components["parameters"]["IfMatch"];
            };
            path: {
                /**
                 * @description The customer's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done, without a body */
            204: {
                headers: {
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            412: components["responses"]["PreconditionFailed"];
            414: components["responses"]["URITooLong"];
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    customersUpdate: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the version to change, a list of ETags, or `*` (RFC 9110, section 13.1.1). If none matches the current version, or the value is malformed, the response is 412. Without this header the change is unconditional, unless the service requires it (428). */
                "If-Match"?: components["parameters"]["IfMatch"];
                /**
                 * @description `return=minimal` requests 204 without a body instead of the updated resource (RFC 7240). Other preferences are ignored.
                 * @example return=minimal
                 */
                Prefer?: components["parameters"]["Prefer"];
            };
            path: {
                /**
                 * @description The customer's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        /** @description The request body of `/api/v2/customers/{id}`. */
        requestBody: {
            content: {
                "application/merge-patch+json": components["schemas"]["CustomerPatch"];
                "application/json": components["schemas"]["CustomerPatch"];
            };
        };
        responses: {
            /** @description The updated resource */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Customer"];
                };
            };
            /** @description Updated, without a body (`Prefer: return=minimal`) */
            204: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            408: components["responses"]["RequestTimeout"];
            409: components["responses"]["Conflict"];
            412: components["responses"]["PreconditionFailed"];
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["URITooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    dashboardGet: {
        parameters: {
            query?: {
                /**
                 * @description The locale whose currency is used. The default is the first configured locale.
                 * @example fr
                 */
                locale?: string;
            };
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The resource */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Content-Language": components["headers"]["Content-Language"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Dashboard"];
                };
            };
            304: components["responses"]["NotModified"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    invoicesExportCsv: {
        parameters: {
            query?: {
                /**
                 * @description Only invoices with this status.
                 * @example pending
                 */
                status?: components["parameters"]["StatusQuery"];
                /**
                 * @description Only invoices of this customer.
                 * @example 0199c0de-2222-7c3d-8e1f-2a3b4c5d6e7f
                 */
                customer?: components["parameters"]["CustomerQuery"];
                /**
                 * @description Only invoices with this original currency.
                 * @example USD
                 */
                currency?: components["parameters"]["CurrencyQuery"];
                /**
                 * @description Only invoices of this day or later.
                 * @example 2025-11-21
                 */
                "date[gte]"?: components["parameters"]["DateGteQuery"];
                /**
                 * @description Only invoices before this day.
                 * @example 2026-12-01
                 */
                "date[lt]"?: components["parameters"]["DateLtQuery"];
                /**
                 * @description Search terms that the name or the e-mail address of the customer contains. Case and accents are
                 *     ignored.
                 * @example rabbit
                 */
                q?: components["parameters"]["QQuery"];
                /**
                 * @description The sort fields, separated by commas, each with `-` for descending order. Ties are sorted by id.
                 * @example -date
                 */
                sort?: components["parameters"]["SortQuery2"];
                /**
                 * @description The columns to export in addition to the id, separated by commas. The default is all. `amount`
                 *     includes the currency and the original amount, `customer` the name and the e-mail address.
                 * @example date,amount,status,customer
                 */
                fields?: string;
                /**
                 * @description Whether the file begins with a byte order mark, by which spreadsheets detect UTF-8.
                 * @example false
                 */
                bom?: boolean;
            };
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The locale, such as `en-us` or `fr`.
                 * @example en-us
                 */
                locale: components["parameters"]["LocalePath"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The CSV table (RFC 4180) with a header line */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Content-Disposition": components["headers"]["Content-Disposition"];
                    "Content-Language": components["headers"]["Content-Language"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example id,date,status,customer.name,customer.email
                     *     0199c0de-3333-7c3d-8e1f-2a3b4c5d6e7f,2025-11-21,pending,Evil Rabbit,evil@rabbit.acme.test
                     */
                    "text/csv": string;
                };
            };
            304: components["responses"]["NotModified"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    invoicesExportNdjson: {
        parameters: {
            query?: {
                /**
                 * @description Only invoices with this status.
                 * @example pending
                 */
                status?: components["parameters"]["StatusQuery"];
                /**
                 * @description Only invoices of this customer.
                 * @example 0199c0de-2222-7c3d-8e1f-2a3b4c5d6e7f
                 */
                customer?: components["parameters"]["CustomerQuery"];
                /**
                 * @description Only invoices with this original currency.
                 * @example USD
                 */
                currency?: components["parameters"]["CurrencyQuery"];
                /**
                 * @description Only invoices of this day or later.
                 * @example 2025-11-21
                 */
                "date[gte]"?: components["parameters"]["DateGteQuery"];
                /**
                 * @description Only invoices before this day.
                 * @example 2026-12-01
                 */
                "date[lt]"?: components["parameters"]["DateLtQuery"];
                /**
                 * @description Search terms that the name or the e-mail address of the customer contains. Case and accents are
                 *     ignored.
                 * @example rabbit
                 */
                q?: components["parameters"]["QQuery"];
                /**
                 * @description The sort fields, separated by commas, each with `-` for descending order. Ties are sorted by id.
                 * @example -date
                 */
                sort?: components["parameters"]["SortQuery2"];
                /**
                 * @description The fields to return in addition to the id, separated by commas. The default is all but the customer.
                 *     `amount` includes the currency and the original amount; `customer` includes the customer, as
                 *     `expand=customer` does.
                 * @example amount,status
                 */
                fields?: components["parameters"]["FieldsQuery"];
                /**
                 * @description `customer` includes the customer, regardless of `fields`.
                 * @example customer
                 */
                expand?: components["parameters"]["ExpandQuery"];
            };
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The locale, such as `en-us` or `fr`.
                 * @example en-us
                 */
                locale: components["parameters"]["LocalePath"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One JSON text of this schema per line */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Content-Disposition": components["headers"]["Content-Disposition"];
                    "Content-Language": components["headers"]["Content-Language"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /** @example {"id":"0199c0de-3333-7c3d-8e1f-2a3b4c5d6e7f","number":1,"customerId":"0199c0de-2222-7c3d-8e1f-2a3b4c5d6e7f","customer":{"id":"0199c0de-2222-7c3d-8e1f-2a3b4c5d6e7f","name":"Evil Rabbit","email":"evil@rabbit.acme.test","imageUrl":"/customers/evil-rabbit.png"},"amount":13584,"currency":"EUR","original":{"amount":15795,"currency":"USD","rate":"0.86","rateDate":"2025-11-21","rateSource":"open.er-api.com","rateState":"fresh"},"status":"pending","date":"2025-11-21"} */
                    "application/x-ndjson": string;
                };
            };
            304: components["responses"]["NotModified"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    invoicesRedirectToLocale: {
        parameters: {
            query?: {
                /**
                 * @description The page number, starting at 1. Ignored if `after` is present. Use `after` to read beyond page 10,000.
                 * @example 1
                 */
                page?: components["parameters"]["PageQuery2"];
                /**
                 * @description The maximum number of items per page.
                 * @example 10
                 */
                limit?: components["parameters"]["LimitQuery2"];
                /**
                 * @description The `nextCursor` of the previous page. The page begins after that page's last item, even if items were
                 *     added or removed since. A cursor is valid only for its list, filters and sort order.
                 */
                after?: components["parameters"]["AfterQuery"];
                /**
                 * @description Whether `total` and `pages` are counted. By default they are counted for numbered pages and omitted
                 *     with `after`.
                 * @example exact
                 */
                count?: components["parameters"]["CountQuery"];
                /**
                 * @description Only invoices with this status.
                 * @example pending
                 */
                status?: components["parameters"]["StatusQuery"];
                /**
                 * @description Only invoices of this customer.
                 * @example 0199c0de-2222-7c3d-8e1f-2a3b4c5d6e7f
                 */
                customer?: components["parameters"]["CustomerQuery"];
                /**
                 * @description Only invoices with this original currency.
                 * @example USD
                 */
                currency?: components["parameters"]["CurrencyQuery"];
                /**
                 * @description Only invoices of this day or later.
                 * @example 2025-11-21
                 */
                "date[gte]"?: components["parameters"]["DateGteQuery"];
                /**
                 * @description Only invoices before this day.
                 * @example 2026-12-01
                 */
                "date[lt]"?: components["parameters"]["DateLtQuery"];
                /**
                 * @description Search terms that the name or the e-mail address of the customer contains. Case and accents are
                 *     ignored.
                 * @example rabbit
                 */
                q?: components["parameters"]["QQuery"];
                /**
                 * @description The sort fields, separated by commas, each with `-` for descending order. Ties are sorted by id.
                 * @example -date
                 */
                sort?: components["parameters"]["SortQuery2"];
                /**
                 * @description The fields to return in addition to the id, separated by commas. The default is all but the customer.
                 *     `amount` includes the currency and the original amount; `customer` includes the customer, as
                 *     `expand=customer` does.
                 * @example amount,status
                 */
                fields?: components["parameters"]["FieldsQuery"];
                /**
                 * @description `customer` includes the customer, regardless of `fields`.
                 * @example customer
                 */
                expand?: components["parameters"]["ExpandQuery"];
            };
            header?: {
                /**
                 * @description The preferred languages, each with a weight (RFC 9110, section 12.5.4). Malformed ranges and unavailable languages are ignored.
                 * @example fr-CA, fr;q=0.9, en;q=0.5
                 */
                "Accept-Language"?: components["parameters"]["AcceptLanguage"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            307: components["responses"]["TemporaryRedirect"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    invoicesList: {
        parameters: {
            query?: {
                /**
                 * @description The page number, starting at 1. Ignored if `after` is present. Use `after` to read beyond page 10,000.
                 * @example 1
                 */
                page?: components["parameters"]["PageQuery2"];
                /**
                 * @description The maximum number of items per page.
                 * @example 10
                 */
                limit?: components["parameters"]["LimitQuery2"];
                /**
                 * @description The `nextCursor` of the previous page. The page begins after that page's last item, even if items were
                 *     added or removed since. A cursor is valid only for its list, filters and sort order.
                 */
                after?: components["parameters"]["AfterQuery"];
                /**
                 * @description Whether `total` and `pages` are counted. By default they are counted for numbered pages and omitted
                 *     with `after`.
                 * @example exact
                 */
                count?: components["parameters"]["CountQuery"];
                /**
                 * @description Only invoices with this status.
                 * @example pending
                 */
                status?: components["parameters"]["StatusQuery"];
                /**
                 * @description Only invoices of this customer.
                 * @example 0199c0de-2222-7c3d-8e1f-2a3b4c5d6e7f
                 */
                customer?: components["parameters"]["CustomerQuery"];
                /**
                 * @description Only invoices with this original currency.
                 * @example USD
                 */
                currency?: components["parameters"]["CurrencyQuery"];
                /**
                 * @description Only invoices of this day or later.
                 * @example 2025-11-21
                 */
                "date[gte]"?: components["parameters"]["DateGteQuery"];
                /**
                 * @description Only invoices before this day.
                 * @example 2026-12-01
                 */
                "date[lt]"?: components["parameters"]["DateLtQuery"];
                /**
                 * @description Search terms that the name or the e-mail address of the customer contains. Case and accents are
                 *     ignored.
                 * @example rabbit
                 */
                q?: components["parameters"]["QQuery"];
                /**
                 * @description The sort fields, separated by commas, each with `-` for descending order. Ties are sorted by id.
                 * @example -date
                 */
                sort?: components["parameters"]["SortQuery2"];
                /**
                 * @description The fields to return in addition to the id, separated by commas. The default is all but the customer.
                 *     `amount` includes the currency and the original amount; `customer` includes the customer, as
                 *     `expand=customer` does.
                 * @example amount,status
                 */
                fields?: components["parameters"]["FieldsQuery"];
                /**
                 * @description `customer` includes the customer, regardless of `fields`.
                 * @example customer
                 */
                expand?: components["parameters"]["ExpandQuery"];
            };
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The locale, such as `en-us` or `fr`.
                 * @example en-us
                 */
                locale: components["parameters"]["LocalePath"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of the list */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Link: components["headers"]["Link"];
                    "Content-Language": components["headers"]["Content-Language"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["InvoiceSummaryPage"];
                };
            };
            304: components["responses"]["NotModified"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    invoicesCreate: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A unique key for this create. A retry with the same key and body within 24 hours creates nothing and returns the stored response. The same key with another body is rejected with 422. `"k"` (a string of structured fields) and `k` are the same key.
                 * @example 7f3e1b0c-post-welcome
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                /**
                 * @description The locale, such as `en-us` or `fr`.
                 * @example en-us
                 */
                locale: components["parameters"]["LocalePath"];
            };
            cookie?: never;
        };
        /** @description The request body of `/api/v2/invoices/{locale}`. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["InvoiceInput"];
            };
        };
        responses: {
            /** @description The new resource */
            201: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Location: components["headers"]["Location"];
                    "Idempotent-Replayed": components["headers"]["Idempotent-Replayed"];
                    "Content-Language": components["headers"]["Content-Language"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Invoice"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            408: components["responses"]["RequestTimeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["URITooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableEntity"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    invoicesGet: {
        parameters: {
            query?: {
                /**
                 * @description `customer` includes the customer.
                 * @example customer
                 */
                expand?: components["schemas"]["InvoiceExpand"];
            };
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The locale, such as `en-us` or `fr`.
                 * @example en-us
                 */
                locale: components["parameters"]["LocalePath"];
                /**
                 * @description The invoice's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath7"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The resource */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Last-Modified": components["headers"]["Last-Modified"];
                    "Content-Language": components["headers"]["Content-Language"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Invoice"];
                };
            };
            304: components["responses"]["NotModified"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    invoicesReplace: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the version to change, a list of ETags, or `*` (RFC 9110, section 13.1.1). If none matches the current version, or the value is malformed, the response is 412. Without this header the change is unconditional, unless the service requires it (428). */
                "If-Match"?: components["parameters"]["IfMatch"];
                /**
                 * @description `return=minimal` requests 204 without a body instead of the updated resource (RFC 7240). Other preferences are ignored.
                 * @example return=minimal
                 */
                Prefer?: components["parameters"]["Prefer"];
            };
            path: {
                /**
                 * @description The locale, such as `en-us` or `fr`.
                 * @example en-us
                 */
                locale: components["parameters"]["LocalePath"];
                /**
                 * @description The invoice's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath7"];
            };
            cookie?: never;
        };
        /** @description The request body of `/api/v2/invoices/{locale}/{id}`. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["InvoiceInput"];
            };
        };
        responses: {
            /** @description The updated resource */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Content-Language": components["headers"]["Content-Language"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Invoice"];
                };
            };
            /** @description Updated, without a body (`Prefer: return=minimal`) */
            204: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    "Content-Language": components["headers"]["Content-Language"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            408: components["responses"]["RequestTimeout"];
            409: components["responses"]["Conflict"];
            412: components["responses"]["PreconditionFailed"];
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["URITooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    invoicesDelete: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the version to change, a list of ETags, or `*` (RFC 9110, section 13.1.1). If none matches the current version, or the value is malformed, the response is 412. Without this header the change is unconditional, unless the service requires it (428). */
                "If-Match"?: components["parameters"]["IfMatch"];
            };
            path: {
                /**
                 * @description The locale, such as `en-us` or `fr`.
                 * @example en-us
                 */
                locale: components["parameters"]["LocalePath"];
                /**
                 * @description The invoice's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath7"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done, without a body */
            204: {
                headers: {
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            412: components["responses"]["PreconditionFailed"];
            414: components["responses"]["URITooLong"];
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    invoicesUpdate: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the version to change, a list of ETags, or `*` (RFC 9110, section 13.1.1). If none matches the current version, or the value is malformed, the response is 412. Without this header the change is unconditional, unless the service requires it (428). */
                "If-Match"?: components["parameters"]["IfMatch"];
                /**
                 * @description `return=minimal` requests 204 without a body instead of the updated resource (RFC 7240). Other preferences are ignored.
                 * @example return=minimal
                 */
                Prefer?: components["parameters"]["Prefer"];
            };
            path: {
                /**
                 * @description The locale, such as `en-us` or `fr`.
                 * @example en-us
                 */
                locale: components["parameters"]["LocalePath"];
                /**
                 * @description The invoice's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath7"];
            };
            cookie?: never;
        };
        /** @description The request body of `/api/v2/invoices/{locale}/{id}`. */
        requestBody: {
            content: {
                "application/merge-patch+json": components["schemas"]["InvoicePatch"];
                "application/json": components["schemas"]["InvoicePatch"];
            };
        };
        responses: {
            /** @description The updated resource */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Content-Language": components["headers"]["Content-Language"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Invoice"];
                };
            };
            /** @description Updated, without a body (`Prefer: return=minimal`) */
            204: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    "Content-Language": components["headers"]["Content-Language"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            408: components["responses"]["RequestTimeout"];
            409: components["responses"]["Conflict"];
            412: components["responses"]["PreconditionFailed"];
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["URITooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    invoicesGetPdf: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The locale, such as `en-us` or `fr`.
                 * @example en-us
                 */
                locale: components["parameters"]["LocalePath"];
                /**
                 * @description The invoice's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath7"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The PDF file */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Content-Disposition": components["headers"]["Content-Disposition"];
                    "Content-Language": components["headers"]["Content-Language"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/pdf": string;
                };
            };
            304: components["responses"]["NotModified"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    revenuesRedirectToLocale: {
        parameters: {
            query?: {
                /**
                 * @description The page number, from 1. Ignored if `after` is present.
                 * @example 1
                 */
                page?: components["parameters"]["PageQuery"];
                /**
                 * @description The largest number of months on a page.
                 * @example 12
                 */
                limit?: components["parameters"]["LimitQuery"];
                /** @description The `nextCursor` of the previous page. */
                after?: components["parameters"]["AfterQuery2"];
                /**
                 * @description Whether the response contains `total` and `pages`. By default, numbered pages contain them and pages
                 *     after a cursor do not.
                 * @example exact
                 */
                count?: components["parameters"]["CountQuery2"];
                /**
                 * @description The sort field, with `-` for descending order. The default is `-month`.
                 * @example -month
                 */
                sort?: components["parameters"]["SortQuery"];
            };
            header?: {
                /**
                 * @description The preferred languages, each with a weight (RFC 9110, section 12.5.4). Malformed ranges and unavailable languages are ignored.
                 * @example fr-CA, fr;q=0.9, en;q=0.5
                 */
                "Accept-Language"?: components["parameters"]["AcceptLanguage"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            307: components["responses"]["TemporaryRedirect"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    revenuesList: {
        parameters: {
            query?: {
                /**
                 * @description The page number, from 1. Ignored if `after` is present.
                 * @example 1
                 */
                page?: components["parameters"]["PageQuery"];
                /**
                 * @description The largest number of months on a page.
                 * @example 12
                 */
                limit?: components["parameters"]["LimitQuery"];
                /** @description The `nextCursor` of the previous page. */
                after?: components["parameters"]["AfterQuery2"];
                /**
                 * @description Whether the response contains `total` and `pages`. By default, numbered pages contain them and pages
                 *     after a cursor do not.
                 * @example exact
                 */
                count?: components["parameters"]["CountQuery2"];
                /**
                 * @description The sort field, with `-` for descending order. The default is `-month`.
                 * @example -month
                 */
                sort?: components["parameters"]["SortQuery"];
            };
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The locale, such as `en-us` or `fr`.
                 * @example en-us
                 */
                locale: components["parameters"]["LocalePath"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of the list */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Link: components["headers"]["Link"];
                    "Content-Language": components["headers"]["Content-Language"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RevenuePage"];
                };
            };
            304: components["responses"]["NotModified"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    revenuesGet: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The locale, such as `en-us` or `fr`.
                 * @example en-us
                 */
                locale: components["parameters"]["LocalePath"];
                /**
                 * @description The month, such as `2026-11`.
                 * @example 2026-11
                 */
                month: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The resource */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Content-Language": components["headers"]["Content-Language"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Revenue"];
                };
            };
            304: components["responses"]["NotModified"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    revenuesReplace: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the version to change, a list of ETags, or `*` (RFC 9110, section 13.1.1). If none matches the current version, or the value is malformed, the response is 412. Without this header the change is unconditional, unless the service requires it (428). */
                "If-Match"?: components["parameters"]["IfMatch"];
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
                /**
                 * @description `return=minimal` requests 204 without a body instead of the updated resource (RFC 7240). Other preferences are ignored.
                 * @example return=minimal
                 */
                Prefer?: components["parameters"]["Prefer"];
            };
            path: {
                /**
                 * @description The locale, such as `en-us` or `fr`.
                 * @example en-us
                 */
                locale: components["parameters"]["LocalePath"];
                /**
                 * @description The month, such as `2026-11`.
                 * @example 2026-11
                 */
                month: string;
            };
            cookie?: never;
        };
        /** @description The request body of `/api/v2/revenues/{locale}/{month}`. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["RevenueFigure"];
            };
        };
        responses: {
            /** @description The updated resource */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Content-Language": components["headers"]["Content-Language"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Revenue"];
                };
            };
            /** @description The new resource */
            201: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Location: components["headers"]["Location"];
                    "Content-Language": components["headers"]["Content-Language"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Revenue"];
                };
            };
            /** @description Updated, without a body (`Prefer: return=minimal`) */
            204: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    "Content-Language": components["headers"]["Content-Language"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            408: components["responses"]["RequestTimeout"];
            412: components["responses"]["PreconditionFailed"];
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["URITooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    revenuesDelete: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the version to change, a list of ETags, or `*` (RFC 9110, section 13.1.1). If none matches the current version, or the value is malformed, the response is 412. Without this header the change is unconditional, unless the service requires it (428). */
                "If-Match"?: components["parameters"]["IfMatch"];
            };
            path: {
                /**
                 * @description The locale, such as `en-us` or `fr`.
                 * @example en-us
                 */
                locale: components["parameters"]["LocalePath"];
                /**
                 * @description The month, such as `2026-11`.
                 * @example 2026-11
                 */
                month: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done, without a body */
            204: {
                headers: {
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            412: components["responses"]["PreconditionFailed"];
            414: components["responses"]["URITooLong"];
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    webhookDeliveriesGet: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The id of the delivery.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath2"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The resource */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Last-Modified": components["headers"]["Last-Modified"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookDelivery"];
                };
            };
            304: components["responses"]["NotModified2"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    webhookDeliveriesReplay: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The id of the delivery.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath2"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The accepted job */
            202: {
                headers: {
                    Location: components["headers"]["Location"];
                    "Retry-After": components["headers"]["Retry-After"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookDelivery"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            409: components["responses"]["Conflict"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    webhookEndpointsList: {
        parameters: {
            query?: {
                /**
                 * @description The page number, starting at 1. Ignored if `after` is present. Use `after` to read beyond page 10,000.
                 * @example 1
                 */
                page?: components["parameters"]["PageQuery2"];
                /**
                 * @description The maximum number of items per page.
                 * @example 10
                 */
                limit?: components["parameters"]["LimitQuery2"];
                /**
                 * @description The `nextCursor` of the previous page. The page begins after that page's last item, even if items were
                 *     added or removed since. A cursor is valid only for its list, filters and sort order.
                 */
                after?: components["parameters"]["AfterQuery"];
                /**
                 * @description Whether `total` and `pages` are counted. By default they are counted for numbered pages and omitted
                 *     with `after`.
                 * @example exact
                 */
                count?: components["parameters"]["CountQuery"];
                /**
                 * @description Only endpoints in this state.
                 * @example enabled
                 */
                state?: components["schemas"]["EndpointState"];
            };
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of the list */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Link: components["headers"]["Link"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookEndpointPage"];
                };
            };
            304: components["responses"]["NotModified2"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    webhookEndpointsCreate: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** @description The request body of `/api/webhook-endpoints`. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["WebhookEndpointInput"];
            };
        };
        responses: {
            /** @description The new resource */
            201: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Location: components["headers"]["Location"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["IssuedWebhookEndpoint"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            408: components["responses"]["RequestTimeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["URITooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    webhookEndpointsGet: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The id of the endpoint.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath4"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The resource */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Last-Modified": components["headers"]["Last-Modified"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookEndpoint"];
                };
            };
            304: components["responses"]["NotModified2"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    webhookEndpointsDelete: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the version to change, a list of ETags, or `*` (RFC 9110, section 13.1.1). If none matches the current version, or the value is malformed, the response is 412. Without this header the change is unconditional, unless the service requires it (428). */
                "If-Match"?: components["parameters"]["IfMatch"];
            };
            path: {
                /**
                 * @description The id of the endpoint.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath4"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done, without a body */
            204: {
                headers: {
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            412: components["responses"]["PreconditionFailed"];
            414: components["responses"]["URITooLong"];
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    webhookEndpointsUpdate: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the version to change, a list of ETags, or `*` (RFC 9110, section 13.1.1). If none matches the current version, or the value is malformed, the response is 412. Without this header the change is unconditional, unless the service requires it (428). */
                "If-Match"?: components["parameters"]["IfMatch"];
                /**
                 * @description `return=minimal` requests 204 without a body instead of the updated resource (RFC 7240). Other preferences are ignored.
                 * @example return=minimal
                 */
                Prefer?: components["parameters"]["Prefer"];
            };
            path: {
                /**
                 * @description The id of the endpoint.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath4"];
            };
            cookie?: never;
        };
        /** @description The request body of `/api/webhook-endpoints/{id}`. */
        requestBody: {
            content: {
                "application/merge-patch+json": components["schemas"]["WebhookEndpointPatch"];
                "application/json": components["schemas"]["WebhookEndpointPatch"];
            };
        };
        responses: {
            /** @description The updated resource */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookEndpoint"];
                };
            };
            /** @description Updated, without a body (`Prefer: return=minimal`) */
            204: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            408: components["responses"]["RequestTimeout"];
            412: components["responses"]["PreconditionFailed"];
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["URITooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    webhookEndpointsListDeliveries: {
        parameters: {
            query?: {
                /**
                 * @description The page number, starting at 1. Ignored if `after` is present. Use `after` to read beyond page 10,000.
                 * @example 1
                 */
                page?: components["parameters"]["PageQuery2"];
                /**
                 * @description The maximum number of items per page.
                 * @example 10
                 */
                limit?: components["parameters"]["LimitQuery2"];
                /**
                 * @description The `nextCursor` of the previous page. The page begins after that page's last item, even if items were
                 *     added or removed since. A cursor is valid only for its list, filters and sort order.
                 */
                after?: components["parameters"]["AfterQuery"];
                /**
                 * @description Whether `total` and `pages` are counted. By default they are counted for numbered pages and omitted
                 *     with `after`.
                 * @example exact
                 */
                count?: components["parameters"]["CountQuery"];
                /**
                 * @description Only deliveries in this state.
                 * @example failed
                 */
                state?: components["schemas"]["DeliveryState"];
            };
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The id of the endpoint.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath4"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of the list */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Link: components["headers"]["Link"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookDeliveryPage"];
                };
            };
            304: components["responses"]["NotModified2"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    webhookEndpointsRotateSecret: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The id of the endpoint.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath4"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The result */
            200: {
                headers: {
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["IssuedWebhookEndpoint"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    webhookEndpointsTest: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The id of the endpoint.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath4"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The accepted job */
            202: {
                headers: {
                    Location: components["headers"]["Location"];
                    "Retry-After": components["headers"]["Retry-After"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookDelivery"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            409: components["responses"]["Conflict"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    webhookEventsList: {
        parameters: {
            query?: {
                /**
                 * @description The page number, starting at 1. Ignored if `after` is present. Use `after` to read beyond page 10,000.
                 * @example 1
                 */
                page?: components["parameters"]["PageQuery2"];
                /**
                 * @description The maximum number of items per page.
                 * @example 10
                 */
                limit?: components["parameters"]["LimitQuery2"];
                /**
                 * @description The `nextCursor` of the previous page. The page begins after that page's last item, even if items were
                 *     added or removed since. A cursor is valid only for its list, filters and sort order.
                 */
                after?: components["parameters"]["AfterQuery"];
                /**
                 * @description Whether `total` and `pages` are counted. By default they are counted for numbered pages and omitted
                 *     with `after`.
                 * @example exact
                 */
                count?: components["parameters"]["CountQuery"];
                /**
                 * @description Only events from this provider.
                 * @example stripe
                 */
                provider?: components["schemas"]["Provider"];
                /**
                 * @description Only events of this type, such as `invoice.paid`.
                 * @example invoice.paid
                 */
                type?: string;
                /**
                 * @description Only events in this state.
                 * @example failed
                 */
                state?: components["schemas"]["WebhookEventState"];
                /**
                 * @description The sort field, with a leading `-` for descending order. The default is `-receivedAt`.
                 * @example receivedAt
                 */
                sort?: string;
            };
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of the list */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Link: components["headers"]["Link"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookEventSummaryPage"];
                };
            };
            304: components["responses"]["NotModified2"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    webhookEventsGet: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The id of the event.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath5"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The resource */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookEvent"];
                };
            };
            304: components["responses"]["NotModified2"];
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    webhookEventsReplay: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The id of the event.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: components["parameters"]["IdPath5"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The accepted job */
            202: {
                headers: {
                    Location: components["headers"]["Location"];
                    "Retry-After": components["headers"]["Retry-After"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    webhookEventsReceiveGithub: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** @description The request body of `/api/webhooks/github`. */
        requestBody: {
            content: {
                "application/json": string;
            };
        };
        responses: {
            /** @description The result */
            200: {
                headers: {
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookReceipt"];
                };
            };
            400: components["responses"]["BadRequest"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["URITooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    webhookEventsReceivePaypal: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** @description The request body of `/api/webhooks/paypal`. */
        requestBody: {
            content: {
                "application/json": string;
            };
        };
        responses: {
            /** @description The result */
            200: {
                headers: {
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookReceipt"];
                };
            };
            400: components["responses"]["BadRequest"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["URITooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    webhookEventsReceiveStripe: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** @description The request body of `/api/webhooks/stripe`. */
        requestBody: {
            content: {
                "application/json": string;
            };
        };
        responses: {
            /** @description The result */
            200: {
                headers: {
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookReceipt"];
                };
            };
            400: components["responses"]["BadRequest"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["URITooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    healthGetLiveness: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The result */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Liveness"];
                };
            };
            400: components["responses"]["BadRequest"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    mediaGetFile: {
        parameters: {
            query?: {
                /**
                 * @description The width in pixels, rounded up to a size of the server. Default: follows from `h` and the aspect ratio.
                 * @example 640
                 */
                w?: number;
                /**
                 * @description The height in pixels, rounded up to a size of the server. Default: follows from `w` and the aspect ratio.
                 * @example 480
                 */
                h?: number;
                /**
                 * @description How the image fits the box if both `w` and `h` are set. Default: `inside`.
                 * @example cover
                 */
                fit?: components["schemas"]["MediaFit"];
                /**
                 * @description The point that a crop keeps visible, as `x,y` from the left and from the top, each between 0 and 1.
                 *     Default: the focus in the metadata of the image, which can change.
                 * @example 0.5,0.25
                 */
                focus?: string;
                /**
                 * @description The output format. Default: the stored format.
                 * @example webp
                 */
                format?: components["schemas"]["MediaFormat"];
            };
            header?: {
                /** @description The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
                /**
                 * @description The requested bytes, as one range such as `bytes=0-1023` or `bytes=-500` (RFC 9110, section 14.2). A list of ranges and a malformed value are ignored: the response is then the full representation.
                 * @example bytes=0-1023
                 */
                Range?: components["parameters"]["Range"];
                /** @description The ETag of the representation that the client has a part of (RFC 9110, section 13.1.5). If it is not the current version, `Range` is ignored. */
                "If-Range"?: components["parameters"]["IfRange"];
            };
            path: {
                /**
                 * @description The last segment of the `url` of the image.
                 * @example 7d0f1c9a3b5e4f6081a2b3c4d5e6f708.jpg
                 */
                key: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The image */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Accept-Ranges": components["headers"]["Accept-Ranges"];
                    "Content-Disposition": components["headers"]["Content-Disposition"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "image/jpeg": string;
                    "image/png": string;
                    "image/webp": string;
                    "image/gif": string;
                };
            };
            /** @description The requested bytes of the image */
            206: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Accept-Ranges": components["headers"]["Accept-Ranges"];
                    "Content-Disposition": components["headers"]["Content-Disposition"];
                    "Content-Range": components["headers"]["Content-Range"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "image/jpeg": string;
                    "image/png": string;
                    "image/webp": string;
                    "image/gif": string;
                };
            };
            304: components["responses"]["NotModified2"];
            400: components["responses"]["BadRequest"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            416: components["responses"]["RangeNotSatisfiable"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    healthGetReadiness: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The result */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Liveness"];
                };
            };
            400: components["responses"]["BadRequest"];
            406: components["responses"]["NotAcceptable"];
            414: components["responses"]["URITooLong"];
            431: components["responses"]["RequestHeaderFieldsTooLarge"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    webhooksChannelCreated: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The id of the event, equal in all attempts. Use it to ignore duplicates.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description The Unix timestamp of this attempt, in seconds. Reject requests that are older than a few minutes.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64. During a rotation of the secret there are two signatures, separated by a space; one of them must match.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description The event, at most 20 kB. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["ChannelCreatedWebhook"];
            };
        };
        responses: {
            410: components["responses"]["WebhookGone"];
            "2XX": components["responses"]["WebhookAccepted"];
            "4XX": components["responses"]["WebhookFailed"];
            "5XX": components["responses"]["WebhookFailed"];
        };
    };
    webhooksChannelUpdated: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The id of the event, equal in all attempts. Use it to ignore duplicates.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description The Unix timestamp of this attempt, in seconds. Reject requests that are older than a few minutes.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64. During a rotation of the secret there are two signatures, separated by a space; one of them must match.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description The event, at most 20 kB. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["ChannelUpdatedWebhook"];
            };
        };
        responses: {
            410: components["responses"]["WebhookGone"];
            "2XX": components["responses"]["WebhookAccepted"];
            "4XX": components["responses"]["WebhookFailed"];
            "5XX": components["responses"]["WebhookFailed"];
        };
    };
    webhooksChannelDeleted: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The id of the event, equal in all attempts. Use it to ignore duplicates.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description The Unix timestamp of this attempt, in seconds. Reject requests that are older than a few minutes.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64. During a rotation of the secret there are two signatures, separated by a space; one of them must match.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description The event, at most 20 kB. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["ChannelDeletedWebhook"];
            };
        };
        responses: {
            410: components["responses"]["WebhookGone"];
            "2XX": components["responses"]["WebhookAccepted"];
            "4XX": components["responses"]["WebhookFailed"];
            "5XX": components["responses"]["WebhookFailed"];
        };
    };
    webhooksCommentCreated: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The id of the event, equal in all attempts. Use it to ignore duplicates.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description The Unix timestamp of this attempt, in seconds. Reject requests that are older than a few minutes.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64. During a rotation of the secret there are two signatures, separated by a space; one of them must match.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description The event, at most 20 kB. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["CommentCreatedWebhook"];
            };
        };
        responses: {
            410: components["responses"]["WebhookGone"];
            "2XX": components["responses"]["WebhookAccepted"];
            "4XX": components["responses"]["WebhookFailed"];
            "5XX": components["responses"]["WebhookFailed"];
        };
    };
    webhooksCommentUpdated: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The id of the event, equal in all attempts. Use it to ignore duplicates.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description The Unix timestamp of this attempt, in seconds. Reject requests that are older than a few minutes.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64. During a rotation of the secret there are two signatures, separated by a space; one of them must match.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description The event, at most 20 kB. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["CommentUpdatedWebhook"];
            };
        };
        responses: {
            410: components["responses"]["WebhookGone"];
            "2XX": components["responses"]["WebhookAccepted"];
            "4XX": components["responses"]["WebhookFailed"];
            "5XX": components["responses"]["WebhookFailed"];
        };
    };
    webhooksCommentDeleted: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The id of the event, equal in all attempts. Use it to ignore duplicates.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description The Unix timestamp of this attempt, in seconds. Reject requests that are older than a few minutes.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64. During a rotation of the secret there are two signatures, separated by a space; one of them must match.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description The event, at most 20 kB. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["CommentDeletedWebhook"];
            };
        };
        responses: {
            410: components["responses"]["WebhookGone"];
            "2XX": components["responses"]["WebhookAccepted"];
            "4XX": components["responses"]["WebhookFailed"];
            "5XX": components["responses"]["WebhookFailed"];
        };
    };
    webhooksCustomerCreated: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The id of the event, equal in all attempts. Use it to ignore duplicates.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description The Unix timestamp of this attempt, in seconds. Reject requests that are older than a few minutes.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64. During a rotation of the secret there are two signatures, separated by a space; one of them must match.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description The event, at most 20 kB. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["CustomerCreatedWebhook"];
            };
        };
        responses: {
            410: components["responses"]["WebhookGone"];
            "2XX": components["responses"]["WebhookAccepted"];
            "4XX": components["responses"]["WebhookFailed"];
            "5XX": components["responses"]["WebhookFailed"];
        };
    };
    webhooksCustomerUpdated: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The id of the event, equal in all attempts. Use it to ignore duplicates.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description The Unix timestamp of this attempt, in seconds. Reject requests that are older than a few minutes.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64. During a rotation of the secret there are two signatures, separated by a space; one of them must match.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description The event, at most 20 kB. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["CustomerUpdatedWebhook"];
            };
        };
        responses: {
            410: components["responses"]["WebhookGone"];
            "2XX": components["responses"]["WebhookAccepted"];
            "4XX": components["responses"]["WebhookFailed"];
            "5XX": components["responses"]["WebhookFailed"];
        };
    };
    webhooksCustomerDeleted: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The id of the event, equal in all attempts. Use it to ignore duplicates.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description The Unix timestamp of this attempt, in seconds. Reject requests that are older than a few minutes.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64. During a rotation of the secret there are two signatures, separated by a space; one of them must match.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description The event, at most 20 kB. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["CustomerDeletedWebhook"];
            };
        };
        responses: {
            410: components["responses"]["WebhookGone"];
            "2XX": components["responses"]["WebhookAccepted"];
            "4XX": components["responses"]["WebhookFailed"];
            "5XX": components["responses"]["WebhookFailed"];
        };
    };
    webhooksDocumentCreated: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The id of the event, equal in all attempts. Use it to ignore duplicates.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description The Unix timestamp of this attempt, in seconds. Reject requests that are older than a few minutes.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64. During a rotation of the secret there are two signatures, separated by a space; one of them must match.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description The event, at most 20 kB. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["DocumentCreatedWebhook"];
            };
        };
        responses: {
            410: components["responses"]["WebhookGone"];
            "2XX": components["responses"]["WebhookAccepted"];
            "4XX": components["responses"]["WebhookFailed"];
            "5XX": components["responses"]["WebhookFailed"];
        };
    };
    webhooksDocumentUpdated: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The id of the event, equal in all attempts. Use it to ignore duplicates.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description The Unix timestamp of this attempt, in seconds. Reject requests that are older than a few minutes.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64. During a rotation of the secret there are two signatures, separated by a space; one of them must match.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description The event, at most 20 kB. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["DocumentUpdatedWebhook"];
            };
        };
        responses: {
            410: components["responses"]["WebhookGone"];
            "2XX": components["responses"]["WebhookAccepted"];
            "4XX": components["responses"]["WebhookFailed"];
            "5XX": components["responses"]["WebhookFailed"];
        };
    };
    webhooksDocumentDeleted: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The id of the event, equal in all attempts. Use it to ignore duplicates.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description The Unix timestamp of this attempt, in seconds. Reject requests that are older than a few minutes.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64. During a rotation of the secret there are two signatures, separated by a space; one of them must match.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description The event, at most 20 kB. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["DocumentDeletedWebhook"];
            };
        };
        responses: {
            410: components["responses"]["WebhookGone"];
            "2XX": components["responses"]["WebhookAccepted"];
            "4XX": components["responses"]["WebhookFailed"];
            "5XX": components["responses"]["WebhookFailed"];
        };
    };
    webhooksDocumentRestored: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The id of the event, equal in all attempts. Use it to ignore duplicates.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description The Unix timestamp of this attempt, in seconds. Reject requests that are older than a few minutes.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64. During a rotation of the secret there are two signatures, separated by a space; one of them must match.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description The event, at most 20 kB. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["DocumentRestoredWebhook"];
            };
        };
        responses: {
            410: components["responses"]["WebhookGone"];
            "2XX": components["responses"]["WebhookAccepted"];
            "4XX": components["responses"]["WebhookFailed"];
            "5XX": components["responses"]["WebhookFailed"];
        };
    };
    webhooksInvoiceCreated: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The id of the event, equal in all attempts. Use it to ignore duplicates.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description The Unix timestamp of this attempt, in seconds. Reject requests that are older than a few minutes.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64. During a rotation of the secret there are two signatures, separated by a space; one of them must match.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description The event, at most 20 kB. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["InvoiceCreatedWebhook"];
            };
        };
        responses: {
            410: components["responses"]["WebhookGone"];
            "2XX": components["responses"]["WebhookAccepted"];
            "4XX": components["responses"]["WebhookFailed"];
            "5XX": components["responses"]["WebhookFailed"];
        };
    };
    webhooksInvoiceUpdated: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The id of the event, equal in all attempts. Use it to ignore duplicates.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description The Unix timestamp of this attempt, in seconds. Reject requests that are older than a few minutes.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64. During a rotation of the secret there are two signatures, separated by a space; one of them must match.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description The event, at most 20 kB. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["InvoiceUpdatedWebhook"];
            };
        };
        responses: {
            410: components["responses"]["WebhookGone"];
            "2XX": components["responses"]["WebhookAccepted"];
            "4XX": components["responses"]["WebhookFailed"];
            "5XX": components["responses"]["WebhookFailed"];
        };
    };
    webhooksInvoicePaid: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The id of the event, equal in all attempts. Use it to ignore duplicates.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description The Unix timestamp of this attempt, in seconds. Reject requests that are older than a few minutes.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64. During a rotation of the secret there are two signatures, separated by a space; one of them must match.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description The event, at most 20 kB. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["InvoicePaidWebhook"];
            };
        };
        responses: {
            410: components["responses"]["WebhookGone"];
            "2XX": components["responses"]["WebhookAccepted"];
            "4XX": components["responses"]["WebhookFailed"];
            "5XX": components["responses"]["WebhookFailed"];
        };
    };
    webhooksInvoiceVoided: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The id of the event, equal in all attempts. Use it to ignore duplicates.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description The Unix timestamp of this attempt, in seconds. Reject requests that are older than a few minutes.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64. During a rotation of the secret there are two signatures, separated by a space; one of them must match.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description The event, at most 20 kB. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["InvoiceVoidedWebhook"];
            };
        };
        responses: {
            410: components["responses"]["WebhookGone"];
            "2XX": components["responses"]["WebhookAccepted"];
            "4XX": components["responses"]["WebhookFailed"];
            "5XX": components["responses"]["WebhookFailed"];
        };
    };
    webhooksInvoiceDeleted: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The id of the event, equal in all attempts. Use it to ignore duplicates.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description The Unix timestamp of this attempt, in seconds. Reject requests that are older than a few minutes.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64. During a rotation of the secret there are two signatures, separated by a space; one of them must match.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description The event, at most 20 kB. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["InvoiceDeletedWebhook"];
            };
        };
        responses: {
            410: components["responses"]["WebhookGone"];
            "2XX": components["responses"]["WebhookAccepted"];
            "4XX": components["responses"]["WebhookFailed"];
            "5XX": components["responses"]["WebhookFailed"];
        };
    };
    webhooksMediaCreated: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The id of the event, equal in all attempts. Use it to ignore duplicates.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description The Unix timestamp of this attempt, in seconds. Reject requests that are older than a few minutes.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64. During a rotation of the secret there are two signatures, separated by a space; one of them must match.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description The event, at most 20 kB. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["MediaCreatedWebhook"];
            };
        };
        responses: {
            410: components["responses"]["WebhookGone"];
            "2XX": components["responses"]["WebhookAccepted"];
            "4XX": components["responses"]["WebhookFailed"];
            "5XX": components["responses"]["WebhookFailed"];
        };
    };
    webhooksMediaUpdated: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The id of the event, equal in all attempts. Use it to ignore duplicates.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description The Unix timestamp of this attempt, in seconds. Reject requests that are older than a few minutes.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64. During a rotation of the secret there are two signatures, separated by a space; one of them must match.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description The event, at most 20 kB. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["MediaUpdatedWebhook"];
            };
        };
        responses: {
            410: components["responses"]["WebhookGone"];
            "2XX": components["responses"]["WebhookAccepted"];
            "4XX": components["responses"]["WebhookFailed"];
            "5XX": components["responses"]["WebhookFailed"];
        };
    };
    webhooksMediaDeleted: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The id of the event, equal in all attempts. Use it to ignore duplicates.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description The Unix timestamp of this attempt, in seconds. Reject requests that are older than a few minutes.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64. During a rotation of the secret there are two signatures, separated by a space; one of them must match.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description The event, at most 20 kB. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["MediaDeletedWebhook"];
            };
        };
        responses: {
            410: components["responses"]["WebhookGone"];
            "2XX": components["responses"]["WebhookAccepted"];
            "4XX": components["responses"]["WebhookFailed"];
            "5XX": components["responses"]["WebhookFailed"];
        };
    };
    webhooksMessageCreated: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The id of the event, equal in all attempts. Use it to ignore duplicates.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description The Unix timestamp of this attempt, in seconds. Reject requests that are older than a few minutes.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64. During a rotation of the secret there are two signatures, separated by a space; one of them must match.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description The event, at most 20 kB. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["MessageCreatedWebhook"];
            };
        };
        responses: {
            410: components["responses"]["WebhookGone"];
            "2XX": components["responses"]["WebhookAccepted"];
            "4XX": components["responses"]["WebhookFailed"];
            "5XX": components["responses"]["WebhookFailed"];
        };
    };
    webhooksMessageUpdated: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The id of the event, equal in all attempts. Use it to ignore duplicates.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description The Unix timestamp of this attempt, in seconds. Reject requests that are older than a few minutes.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64. During a rotation of the secret there are two signatures, separated by a space; one of them must match.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description The event, at most 20 kB. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["MessageUpdatedWebhook"];
            };
        };
        responses: {
            410: components["responses"]["WebhookGone"];
            "2XX": components["responses"]["WebhookAccepted"];
            "4XX": components["responses"]["WebhookFailed"];
            "5XX": components["responses"]["WebhookFailed"];
        };
    };
    webhooksMessageDeleted: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The id of the event, equal in all attempts. Use it to ignore duplicates.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description The Unix timestamp of this attempt, in seconds. Reject requests that are older than a few minutes.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64. During a rotation of the secret there are two signatures, separated by a space; one of them must match.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description The event, at most 20 kB. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["MessageDeletedWebhook"];
            };
        };
        responses: {
            410: components["responses"]["WebhookGone"];
            "2XX": components["responses"]["WebhookAccepted"];
            "4XX": components["responses"]["WebhookFailed"];
            "5XX": components["responses"]["WebhookFailed"];
        };
    };
    webhooksPostCreated: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The id of the event, equal in all attempts. Use it to ignore duplicates.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description The Unix timestamp of this attempt, in seconds. Reject requests that are older than a few minutes.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64. During a rotation of the secret there are two signatures, separated by a space; one of them must match.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description The event, at most 20 kB. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["PostCreatedWebhook"];
            };
        };
        responses: {
            410: components["responses"]["WebhookGone"];
            "2XX": components["responses"]["WebhookAccepted"];
            "4XX": components["responses"]["WebhookFailed"];
            "5XX": components["responses"]["WebhookFailed"];
        };
    };
    webhooksPostUpdated: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The id of the event, equal in all attempts. Use it to ignore duplicates.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description The Unix timestamp of this attempt, in seconds. Reject requests that are older than a few minutes.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64. During a rotation of the secret there are two signatures, separated by a space; one of them must match.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description The event, at most 20 kB. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["PostUpdatedWebhook"];
            };
        };
        responses: {
            410: components["responses"]["WebhookGone"];
            "2XX": components["responses"]["WebhookAccepted"];
            "4XX": components["responses"]["WebhookFailed"];
            "5XX": components["responses"]["WebhookFailed"];
        };
    };
    webhooksPostPublished: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The id of the event, equal in all attempts. Use it to ignore duplicates.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description The Unix timestamp of this attempt, in seconds. Reject requests that are older than a few minutes.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64. During a rotation of the secret there are two signatures, separated by a space; one of them must match.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description The event, at most 20 kB. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["PostPublishedWebhook"];
            };
        };
        responses: {
            410: components["responses"]["WebhookGone"];
            "2XX": components["responses"]["WebhookAccepted"];
            "4XX": components["responses"]["WebhookFailed"];
            "5XX": components["responses"]["WebhookFailed"];
        };
    };
    webhooksPostUnpublished: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The id of the event, equal in all attempts. Use it to ignore duplicates.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description The Unix timestamp of this attempt, in seconds. Reject requests that are older than a few minutes.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64. During a rotation of the secret there are two signatures, separated by a space; one of them must match.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description The event, at most 20 kB. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["PostUnpublishedWebhook"];
            };
        };
        responses: {
            410: components["responses"]["WebhookGone"];
            "2XX": components["responses"]["WebhookAccepted"];
            "4XX": components["responses"]["WebhookFailed"];
            "5XX": components["responses"]["WebhookFailed"];
        };
    };
    webhooksPostDeleted: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The id of the event, equal in all attempts. Use it to ignore duplicates.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description The Unix timestamp of this attempt, in seconds. Reject requests that are older than a few minutes.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64. During a rotation of the secret there are two signatures, separated by a space; one of them must match.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description The event, at most 20 kB. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["PostDeletedWebhook"];
            };
        };
        responses: {
            410: components["responses"]["WebhookGone"];
            "2XX": components["responses"]["WebhookAccepted"];
            "4XX": components["responses"]["WebhookFailed"];
            "5XX": components["responses"]["WebhookFailed"];
        };
    };
    webhooksPostRestored: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The id of the event, equal in all attempts. Use it to ignore duplicates.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description The Unix timestamp of this attempt, in seconds. Reject requests that are older than a few minutes.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64. During a rotation of the secret there are two signatures, separated by a space; one of them must match.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description The event, at most 20 kB. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["PostRestoredWebhook"];
            };
        };
        responses: {
            410: components["responses"]["WebhookGone"];
            "2XX": components["responses"]["WebhookAccepted"];
            "4XX": components["responses"]["WebhookFailed"];
            "5XX": components["responses"]["WebhookFailed"];
        };
    };
    webhooksRatesUpdated: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The id of the event, equal in all attempts. Use it to ignore duplicates.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description The Unix timestamp of this attempt, in seconds. Reject requests that are older than a few minutes.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64. During a rotation of the secret there are two signatures, separated by a space; one of them must match.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description The event, at most 20 kB. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["RatesUpdatedWebhook"];
            };
        };
        responses: {
            410: components["responses"]["WebhookGone"];
            "2XX": components["responses"]["WebhookAccepted"];
            "4XX": components["responses"]["WebhookFailed"];
            "5XX": components["responses"]["WebhookFailed"];
        };
    };
    webhooksRedirectCreated: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The id of the event, equal in all attempts. Use it to ignore duplicates.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description The Unix timestamp of this attempt, in seconds. Reject requests that are older than a few minutes.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64. During a rotation of the secret there are two signatures, separated by a space; one of them must match.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description The event, at most 20 kB. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["RedirectCreatedWebhook"];
            };
        };
        responses: {
            410: components["responses"]["WebhookGone"];
            "2XX": components["responses"]["WebhookAccepted"];
            "4XX": components["responses"]["WebhookFailed"];
            "5XX": components["responses"]["WebhookFailed"];
        };
    };
    webhooksRedirectUpdated: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The id of the event, equal in all attempts. Use it to ignore duplicates.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description The Unix timestamp of this attempt, in seconds. Reject requests that are older than a few minutes.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64. During a rotation of the secret there are two signatures, separated by a space; one of them must match.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description The event, at most 20 kB. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["RedirectUpdatedWebhook"];
            };
        };
        responses: {
            410: components["responses"]["WebhookGone"];
            "2XX": components["responses"]["WebhookAccepted"];
            "4XX": components["responses"]["WebhookFailed"];
            "5XX": components["responses"]["WebhookFailed"];
        };
    };
    webhooksRedirectsImported: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The id of the event, equal in all attempts. Use it to ignore duplicates.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description The Unix timestamp of this attempt, in seconds. Reject requests that are older than a few minutes.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64. During a rotation of the secret there are two signatures, separated by a space; one of them must match.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description The event, at most 20 kB. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["RedirectsImportedWebhook"];
            };
        };
        responses: {
            410: components["responses"]["WebhookGone"];
            "2XX": components["responses"]["WebhookAccepted"];
            "4XX": components["responses"]["WebhookFailed"];
            "5XX": components["responses"]["WebhookFailed"];
        };
    };
    webhooksRedirectDeleted: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The id of the event, equal in all attempts. Use it to ignore duplicates.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description The Unix timestamp of this attempt, in seconds. Reject requests that are older than a few minutes.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64. During a rotation of the secret there are two signatures, separated by a space; one of them must match.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description The event, at most 20 kB. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["RedirectDeletedWebhook"];
            };
        };
        responses: {
            410: components["responses"]["WebhookGone"];
            "2XX": components["responses"]["WebhookAccepted"];
            "4XX": components["responses"]["WebhookFailed"];
            "5XX": components["responses"]["WebhookFailed"];
        };
    };
    webhooksRevenueUpdated: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The id of the event, equal in all attempts. Use it to ignore duplicates.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description The Unix timestamp of this attempt, in seconds. Reject requests that are older than a few minutes.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64. During a rotation of the secret there are two signatures, separated by a space; one of them must match.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description The event, at most 20 kB. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["RevenueUpdatedWebhook"];
            };
        };
        responses: {
            410: components["responses"]["WebhookGone"];
            "2XX": components["responses"]["WebhookAccepted"];
            "4XX": components["responses"]["WebhookFailed"];
            "5XX": components["responses"]["WebhookFailed"];
        };
    };
    webhooksRevenueDeleted: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The id of the event, equal in all attempts. Use it to ignore duplicates.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description The Unix timestamp of this attempt, in seconds. Reject requests that are older than a few minutes.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64. During a rotation of the secret there are two signatures, separated by a space; one of them must match.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description The event, at most 20 kB. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["RevenueDeletedWebhook"];
            };
        };
        responses: {
            410: components["responses"]["WebhookGone"];
            "2XX": components["responses"]["WebhookAccepted"];
            "4XX": components["responses"]["WebhookFailed"];
            "5XX": components["responses"]["WebhookFailed"];
        };
    };
    webhooksTagCreated: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The id of the event, equal in all attempts. Use it to ignore duplicates.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description The Unix timestamp of this attempt, in seconds. Reject requests that are older than a few minutes.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64. During a rotation of the secret there are two signatures, separated by a space; one of them must match.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description The event, at most 20 kB. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["TagCreatedWebhook"];
            };
        };
        responses: {
            410: components["responses"]["WebhookGone"];
            "2XX": components["responses"]["WebhookAccepted"];
            "4XX": components["responses"]["WebhookFailed"];
            "5XX": components["responses"]["WebhookFailed"];
        };
    };
    webhooksTagUpdated: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The id of the event, equal in all attempts. Use it to ignore duplicates.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description The Unix timestamp of this attempt, in seconds. Reject requests that are older than a few minutes.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64. During a rotation of the secret there are two signatures, separated by a space; one of them must match.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description The event, at most 20 kB. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["TagUpdatedWebhook"];
            };
        };
        responses: {
            410: components["responses"]["WebhookGone"];
            "2XX": components["responses"]["WebhookAccepted"];
            "4XX": components["responses"]["WebhookFailed"];
            "5XX": components["responses"]["WebhookFailed"];
        };
    };
    webhooksTagDeleted: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The id of the event, equal in all attempts. Use it to ignore duplicates.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description The Unix timestamp of this attempt, in seconds. Reject requests that are older than a few minutes.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64. During a rotation of the secret there are two signatures, separated by a space; one of them must match.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description The event, at most 20 kB. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["TagDeletedWebhook"];
            };
        };
        responses: {
            410: components["responses"]["WebhookGone"];
            "2XX": components["responses"]["WebhookAccepted"];
            "4XX": components["responses"]["WebhookFailed"];
            "5XX": components["responses"]["WebhookFailed"];
        };
    };
    webhooksUserCreated: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The id of the event, equal in all attempts. Use it to ignore duplicates.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description The Unix timestamp of this attempt, in seconds. Reject requests that are older than a few minutes.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64. During a rotation of the secret there are two signatures, separated by a space; one of them must match.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description The event, at most 20 kB. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["UserCreatedWebhook"];
            };
        };
        responses: {
            410: components["responses"]["WebhookGone"];
            "2XX": components["responses"]["WebhookAccepted"];
            "4XX": components["responses"]["WebhookFailed"];
            "5XX": components["responses"]["WebhookFailed"];
        };
    };
    webhooksUserUpdated: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The id of the event, equal in all attempts. Use it to ignore duplicates.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description The Unix timestamp of this attempt, in seconds. Reject requests that are older than a few minutes.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64. During a rotation of the secret there are two signatures, separated by a space; one of them must match.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description The event, at most 20 kB. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["UserUpdatedWebhook"];
            };
        };
        responses: {
            410: components["responses"]["WebhookGone"];
            "2XX": components["responses"]["WebhookAccepted"];
            "4XX": components["responses"]["WebhookFailed"];
            "5XX": components["responses"]["WebhookFailed"];
        };
    };
    webhooksUserDeleted: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The id of the event, equal in all attempts. Use it to ignore duplicates.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description The Unix timestamp of this attempt, in seconds. Reject requests that are older than a few minutes.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64. During a rotation of the secret there are two signatures, separated by a space; one of them must match.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description The event, at most 20 kB. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["UserDeletedWebhook"];
            };
        };
        responses: {
            410: components["responses"]["WebhookGone"];
            "2XX": components["responses"]["WebhookAccepted"];
            "4XX": components["responses"]["WebhookFailed"];
            "5XX": components["responses"]["WebhookFailed"];
        };
    };
    webhooksWebhookTest: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The id of the event, equal in all attempts. Use it to ignore duplicates.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description The Unix timestamp of this attempt, in seconds. Reject requests that are older than a few minutes.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64. During a rotation of the secret there are two signatures, separated by a space; one of them must match.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description The event, at most 20 kB. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["WebhookTestWebhook"];
            };
        };
        responses: {
            410: components["responses"]["WebhookGone"];
            "2XX": components["responses"]["WebhookAccepted"];
            "4XX": components["responses"]["WebhookFailed"];
            "5XX": components["responses"]["WebhookFailed"];
        };
    };
    webhooksCloudEvent: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The id of the event, equal in all attempts. Use it to ignore duplicates.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description The Unix timestamp of this attempt, in seconds. Reject requests that are older than a few minutes.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64. During a rotation of the secret there are two signatures, separated by a space; one of them must match.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
                /**
                 * @description The version of CloudEvents.
                 * @example 1.0
                 */
                "ce-specversion": components["parameters"]["CeSpecversion"];
                /**
                 * @description The id of the event, equal to `webhook-id`.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "ce-id": components["parameters"]["CeId"];
                /**
                 * @description The service that sends the event: its `public_url`, or `/` if it is not set.
                 * @example https://api.acme.test
                 */
                "ce-source": components["parameters"]["CeSource"];
                /**
                 * @description The event type, as in the field `type`.
                 * @example post.published
                 */
                "ce-type": components["parameters"]["CeType"];
                /**
                 * @description The time of the event.
                 * @example 2025-11-21T10:30:00.000Z
                 */
                "ce-time": components["parameters"]["CeTime"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description The event, at most 20 kB. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["EventData"];
            };
        };
        responses: {
            410: components["responses"]["WebhookGone"];
            "2XX": components["responses"]["WebhookAccepted"];
            "4XX": components["responses"]["WebhookFailed"];
            "5XX": components["responses"]["WebhookFailed"];
        };
    };
}

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
         * @description For other services that check access tokens themselves. A key is here a day before it signs.
         */
        get: operations["sessionsKeys"];
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
         * @description One's own; admins see all. The secrets are not among what is told.
         */
        get: operations["apiKeysList"];
        put?: never;
        /**
         * Make an API key
         * @description The member `key` is shown this once. As it is a secret, the answer is not kept for a repeated request.
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
                id: string;
            };
            cookie?: never;
        };
        /**
         * Read an API key
         * @description One's own, or for admins any, without its secret.
         */
        get: operations["apiKeysRead"];
        put?: never;
        post?: never;
        /**
         * Delete an API key
         * @description It is refused from the next request on.
         */
        delete: operations["apiKeysRemove"];
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
                id: string;
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Give an API key a new secret
         * @description Only its owner can. The old secret works for another 24 hours, so that programs can follow.
         */
        post: operations["apiKeysRotate"];
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
         * @description An unknown account, a disabled one and a wrong password get the same answer after the same time.
         *     After five tries in a minute the account rests for this address.
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
         * @description Ends the session of this caller at once, and takes its cookie back.
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
         * Get the next access token
         * @description A refresh token is good for one use and comes with its successor. For ten seconds the one used last
         *     gets the same successor again; after that, its return ends the session.
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
         * List one's own sessions, newest first
         * @description Each is a client that is signed in; those that have ended are not among them.
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
         * End one of one's own sessions
         * @description Its tokens and its cookie are refused at once.
         */
        delete: operations["sessionsRemove"];
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
         * @description Those with a published post, alone or with others.
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
                id: string;
            };
            cookie?: never;
        };
        /**
         * Read an author
         * @description What everybody may know of somebody who has an account; neither e-mail address nor role is part of it.
         */
        get: operations["authorsRead"];
        put?: never;
        post?: never;
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
         * @description The moderators' queue: `status=pending` is what waits.
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
                 * @description The comment's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        /**
         * Read a comment
         * @description One that waits or was rejected is there for its author and for editors alone.
         */
        get: operations["commentsRead"];
        put?: never;
        post?: never;
        /**
         * Delete a comment
         * @description All replies below it go with it.
         */
        delete: operations["commentsRemove"];
        options?: never;
        head?: never;
        /**
         * Change or moderate a comment
         * @description Its author may change what it says for 15 minutes, and what an editor had approved then waits again.
         *     Editors may change both; a comment that is approved no longer takes the replies below out of sight, and
         *     a reply cannot be approved before what it answers (409).
         */
        patch: operations["commentsPatch"];
        trace?: never;
    };
    "/api/docs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List documents in the order of the tree
         * @description By position, then by path; `prefix` takes one branch of it. `deleted=only` shows editors the trash.
         */
        get: operations["docsList"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/docs/{path}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The document's place in the tree.
                 * @example guides/getting-started
                 */
                path: string;
            };
            cookie?: never;
        };
        /**
         * Read a document
         * @description The path may be ten segments deep. With a slash at its end it leads to the address without.
         */
        get: operations["docsRead"];
        /**
         * Write or replace a document
         * @description `If-None-Match: *` writes it only if there is none at the path yet.
         */
        put: operations["docsReplace"];
        post?: never;
        /**
         * Delete a document
         * @description What lies below it stays. The document can be taken out of the trash for 30 days, unless the service is set
         *     otherwise; its path is free at once.
         */
        delete: operations["docsRemove"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/documents/{id}/restore": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The document's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Take a document out of the trash
         * @description It is as it was when it was deleted, at its path, unless another document is there by now. One that is
         *     not in the trash stays as it is.
         */
        post: operations["docsRestore"];
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
                 * @description The document's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        /**
         * List the revisions of a document, newest first
         * @description Every write leaves one; the newest 200 are kept.
         */
        get: operations["docsRevisionsList"];
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
                 * @description The document's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
                /**
                 * @description The revision's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                revision: string;
            };
            cookie?: never;
        };
        /**
         * Read a revision of a document
         * @description With everything that could be written of the document.
         */
        get: operations["docsRevisionsRead"];
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
                 * @description The document's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
                /**
                 * @description The revision's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                revision: string;
            };
            cookie?: never;
        };
        /**
         * Compare two revisions of a document
         * @description The text line by line, the other members by value.
         */
        get: operations["docsRevisionsDiff"];
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
                 * @description The document's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
                /**
                 * @description The revision's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                revision: string;
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Bring back a revision of a document
         * @description Title, text and position are as they were then, in a new version; the path stays. What
         *     says just that already stays as it is.
         */
        post: operations["docsRevisionsRestore"];
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
         * Listen to what happens
         * @description A stream of events (HTML, 9.2), each as soon as its change is committed, in one order for everybody. Each
         *     caller gets those about what they may read. A client that was away sends the `id` of the last event that it
         *     has, as `Last-Event-ID` or as `after`, and gets what it missed; events are kept for 24 hours. Where something
         *     is missing nevertheless, an event `reset` comes first: its `data` is `{"after": …}`, the position behind which
         *     the stream goes on, and whatever the client shows has to be read anew. At the begin and every 15 seconds an
         *     `id` without `data` tells how far the log has come, which keeps the connection open. Who reads too slowly is cut off and can read on. A caller has ten streams at a time.
         */
        get: operations["eventsListen"];
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
         * Read how the service is
         * @description Answers 200 also when a part is not as it should be, and says which.
         */
        get: operations["healthRead"];
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
         * List jobs, newest first
         * @description Done ones are kept for three days, dead ones for thirty.
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
                 * @description The job's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        /**
         * Read a job
         * @description How far it is, and why the last try failed.
         */
        get: operations["jobsRead"];
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
                 * @description The job's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Do a job again
         * @description One that is dead or done; all jobs can be done twice without harm.
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
         * Read one's own account
         * @description With the session that asks, to find it among `/api/auth/sessions`.
         */
        get: operations["meRead"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Change one's own account
         * @description A merge patch (RFC 7396). A new `password` takes the present one as `currentPassword`, and ends all
         *     other sessions. Role, status and e-mail address are an admin's to change.
         */
        patch: operations["mePatch"];
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
         * List pictures, newest first
         * @description Authors see their own, editors all.
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
                 * @description The picture's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        /**
         * Read what is known of a picture
         * @description Of one's own, or as an editor of any.
         */
        get: operations["mediaRead"];
        put?: never;
        post?: never;
        /**
         * Delete a picture
         * @description With its bytes and those of all its sizes. Caches may show it for as long as they were allowed to.
         */
        delete: operations["mediaRemove"];
        options?: never;
        head?: never;
        /**
         * Change what is said of a picture
         * @description A merge patch (RFC 7396). The picture itself never changes: upload another one.
         */
        patch: operations["mediaPatch"];
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
         * @description Everybody gets published posts; `status` lets authors and editors ask for the drafts that they may
         *     see. A page past the end is empty, and an unknown tag has no posts.
         */
        get: operations["postsList"];
        put?: never;
        /**
         * Write a post
         * @description The caller is its author. Without `published` it is a draft that only its author and editors see, until
         *     `publishAt` comes if that is given.
         */
        post: operations["postsCreate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/posts/slug/{slug}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The post's slug.
                 * @example a-joint-that-fits
                 */
                slug: string;
            };
            cookie?: never;
        };
        /**
         * Read a post by its slug
         * @description A slug that the post had before leads to the present one.
         */
        get: operations["postsReadBySlug"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/posts/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The post's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        /**
         * Read a post
         * @description A draft is there for its author, for editors, and for whoever has a preview link.
         */
        get: operations["postsRead"];
        /**
         * Replace a post
         * @description Members left out are as in a new post; the slug stays unless another one is given.
         */
        put: operations["postsReplace"];
        post?: never;
        /**
         * Delete a post
         * @description It can be taken out of the trash for 30 days, unless the service is set otherwise, with its comments and its
         *     slugs, which stay taken so long.
         */
        delete: operations["postsRemove"];
        options?: never;
        head?: never;
        /**
         * Change a post
         * @description A merge patch (RFC 7396): members left out stay as they are, `null` clears.
         */
        patch: operations["postsPatch"];
        trace?: never;
    };
    "/api/posts/{id}/comments": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The post's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        /**
         * List the comments of a post, oldest first
         * @description Everybody gets approved ones; their authors and editors also those that wait.
         */
        get: operations["commentsListForPost"];
        put?: never;
        /**
         * Write a comment
         * @description Comments by editors and by the post's author are seen at once, others when an editor has approved
         *     them. A draft takes no comments (409).
         */
        post: operations["commentsCreate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/posts/{id}/preview": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The post's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Make a link that shows a draft
         * @description Whoever has the link may read this one post for three days, without signing in.
         */
        post: operations["postsPreview"];
        /**
         * End all links that show a draft
         * @description Whoever still has one gets the same answer as for a post that is not there.
         */
        delete: operations["postsEndPreviews"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/posts/{id}/restore": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The post's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Take a post out of the trash
         * @description It is as it was when it was deleted, published or not, with its comments. One that is not in the trash stays
         *     as it is.
         */
        post: operations["postsRestore"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/posts/{id}/revisions": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The post's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        /**
         * List the revisions of a post, newest first
         * @description Every write leaves one; the newest 200 are kept. Only whoever may change the post knows of them.
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
    "/api/posts/{id}/revisions/{revision}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The post's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
                /**
                 * @description The revision's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                revision: string;
            };
            cookie?: never;
        };
        /**
         * Read a revision of a post
         * @description With everything that could be written of the post.
         */
        get: operations["postsRevisionsRead"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/posts/{id}/revisions/{revision}/diff": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The post's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
                /**
                 * @description The revision's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                revision: string;
            };
            cookie?: never;
        };
        /**
         * Compare two revisions of a post
         * @description The text line by line, the other members by value.
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
    "/api/posts/{id}/revisions/{revision}/restore": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The post's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
                /**
                 * @description The revision's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                revision: string;
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Bring back a revision of a post
         * @description Title, text, excerpt, picture and tags are as they were then, in a new version. The slug, and whether
         *     everybody may read the post, stay as they are now. A post that says just that already stays
         *     as it is.
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
         * Read what currencies are worth
         * @description Every rate that is known, by the day for which it holds, with who told it and how far it can be trusted.
         *     Nobody outside is asked for the answer.
         */
        get: operations["ratesRead"];
        put?: never;
        post?: never;
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
         * @description With how often each was followed.
         */
        get: operations["redirectsList"];
        put?: never;
        /**
         * Write a redirect
         * @description It acts at once. One that would lead in a circle, or to a path that leads on, is refused (409).
         */
        post: operations["redirectsCreate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/redirects/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read all redirects as a JSON map
         * @description By source, in the form that the import takes.
         */
        get: operations["redirectsExport"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/redirects/export/csv": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Download all redirects as CSV
         * @description By source, in the form that the import takes.
         */
        get: operations["redirectsExportCsv"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/redirects/export/netlify": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Download all redirects as a Netlify file
         * @description Rules that such a file has no form for stand in it as comments.
         */
        get: operations["redirectsExportNetlify"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/redirects/import": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Write the redirects of a JSON map
         * @description All of them or none. Rules with the same source lead to the new destination, all others stay.
         */
        post: operations["redirectsImport"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/redirects/import/csv": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Write the redirects of a CSV file
         * @description All of them or none. The first line names the columns: source, destination, permanent, startsAt, endsAt.
         *     Without one of the last three, or where it is empty, a rule is for now and has no dates, even if it had some.
         */
        post: operations["redirectsImportCsv"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/redirects/import/netlify": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Write the redirects of a Netlify file
         * @description All of them or none. Lines that rewrite, have placeholders or conditions are refused.
         */
        post: operations["redirectsImportNetlify"];
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
                 * @description The source of the rule, with or without its first slash, or its key form: hyphens for slashes.
                 * @example -api-v1-revenues
                 */
                key: string;
            };
            cookie?: never;
        };
        /**
         * Read a redirect
         * @description Everybody sees the rules in force, editors all of them.
         */
        get: operations["redirectsRead"];
        /**
         * Write or replace a redirect
         * @description `If-None-Match: *` writes it only if there is none with this source yet.
         */
        put: operations["redirectsReplace"];
        post?: never;
        /**
         * Delete a redirect
         * @description The paths lead to what there is at them, at once.
         */
        delete: operations["redirectsRemove"];
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
         * @description Only published posts count. A tag that only drafts have is listed for those who may read them.
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
                 * @description The tag's slug.
                 * @example a-joint-that-fits
                 */
                slug: string;
            };
            cookie?: never;
        };
        /**
         * Read a tag
         * @description With the number of its published posts.
         */
        get: operations["tagsRead"];
        /**
         * Make or replace a tag
         * @description `If-None-Match: *` makes it only if it is not there yet.
         */
        put: operations["tagsReplace"];
        post?: never;
        /**
         * Delete a tag
         * @description It is taken off all posts.
         */
        delete: operations["tagsRemove"];
        options?: never;
        head?: never;
        /**
         * Change a tag
         * @description A merge patch (RFC 7396). All posts with the tag show the new name at once.
         */
        patch: operations["tagsPatch"];
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
         * Upload a picture
         * @description One picture in each request. It is kept without what does not belong to it, under an address of its own;
         *     of a picture that the caller has uploaded before, the answer is that one (200).
         */
        post: operations["mediaUpload"];
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
         * @description Imported authors are among them: they have no e-mail address and cannot sign in.
         */
        get: operations["usersList"];
        put?: never;
        /**
         * Make an account
         * @description Anybody may register as a reader where registration is switched on. An admin may always make
         *     accounts, and in person also those of other roles.
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
                id: string;
            };
            cookie?: never;
        };
        /**
         * Read an account
         * @description One's own; admins read all. What everybody may know of an author is at `/api/authors/{id}`.
         */
        get: operations["usersRead"];
        put?: never;
        post?: never;
        /**
         * Delete an account
         * @description Its sessions and keys go with it. A user with posts or comments stays, and so does the last admin.
         */
        delete: operations["usersRemove"];
        options?: never;
        head?: never;
        /**
         * Change an account
         * @description A merge patch (RFC 7396). Role, status and e-mail address are an admin's to change, and the last
         *     admin stays one. Another password, another role and disabling end all other sessions.
         */
        patch: operations["usersPatch"];
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
         * List invoices as they were made out, newest first
         * @deprecated
         * @description The first generation, until 21 November 2027; `/api/v2/invoices` follows it. Clients of some countries are
         *     led to the locale of theirs there, unless `geo=off` says otherwise.
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
         * @description With the number of their invoices, unless `fields` leaves it out.
         */
        get: operations["customersList"];
        put?: never;
        /**
         * Write down a customer
         * @description One e-mail address is one customer (409).
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
         * Read a customer
         * @description With the number of their invoices.
         */
        get: operations["customersRead"];
        /**
         * Replace a customer
         * @description What is left out is cleared.
         */
        put: operations["customersReplace"];
        post?: never;
        /**
         * Delete a customer
         * @description Whoever has invoices stays (409).
         */
        delete: operations["customersRemove"];
        options?: never;
        head?: never;
        /**
         * Change a customer
         * @description A merge patch (RFC 7396). Invoices show the new name at once.
         */
        patch: operations["customersPatch"];
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
         * Read what an office looks at first
         * @description Totals, twelve months, the latest five invoices and the rates between the currencies, in one answer and of
         *     one currency. The parts are read at the same time, and one that takes longer than two seconds is left out
         *     and named in `failed`.
         */
        get: operations["dashboardRead"];
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
         * Find the list of invoices in the client's language
         * @description Leads to the locale that suits `Accept-Language` best, and to the first one where none does.
         */
        get: operations["invoicesNegotiate"];
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
                locale: string;
            };
            cookie?: never;
        };
        /**
         * List invoices in the currency of a locale, newest first
         * @description An invoice in another currency is converted, and `original` says from what and by which rate.
         */
        get: operations["invoicesList"];
        put?: never;
        /**
         * Write an invoice
         * @description In the currency of the locale, in minor units.
         */
        post: operations["invoicesCreate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/invoices/{locale}/csv": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The locale, such as `en-us` or `fr`.
                 * @example en-us
                 */
                locale: string;
            };
            cookie?: never;
        };
        /**
         * Download invoices as a table
         * @description All that the filter leaves, as CSV (RFC 4180, UTF-8) with a line of names, while they are read: as they are at
         *     one moment, in the currency of the locale. A text that would be taken for a formula has an apostrophe before
         *     it. A download that breaks off is not whole.
         */
        get: operations["invoicesCsv"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/invoices/{locale}/ndjson": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The locale, such as `en-us` or `fr`.
                 * @example en-us
                 */
                locale: string;
            };
            cookie?: never;
        };
        /**
         * Download invoices as lines
         * @description All that the filter leaves, one JSON text in each line, while they are read: as they are at one moment, in the
         *     currency of the locale. A download that breaks off is not whole.
         */
        get: operations["invoicesNdjson"];
        put?: never;
        post?: never;
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
                locale: string;
                /**
                 * @description The invoice's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        /**
         * Read an invoice
         * @description In the currency of the locale; `original` says what it was made out in.
         */
        get: operations["invoicesRead"];
        /**
         * Replace an invoice
         * @description A draft leads to pending, paid and void, pending also back to draft, paid to void. Paid and void ones stay
         *     as they are otherwise, and an amount changes in a locale of its own currency only (409).
         */
        put: operations["invoicesReplace"];
        post?: never;
        /**
         * Delete an invoice
         * @description One that is or was paid stays, also when it is void (409).
         */
        delete: operations["invoicesRemove"];
        options?: never;
        head?: never;
        /**
         * Change an invoice
         * @description A merge patch (RFC 7396), under the rules of replacing.
         */
        patch: operations["invoicesPatch"];
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
                locale: string;
                /**
                 * @description The invoice's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        /**
         * Print an invoice
         * @description As a page to send, in the language and the currency of the locale. The same invoice gives the same bytes.
         */
        get: operations["invoicesPdf"];
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
         * Find the list of revenues in the client's language
         * @description Leads to the locale that suits `Accept-Language` best, and to the first one where none does.
         */
        get: operations["revenuesNegotiate"];
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
                locale: string;
            };
            cookie?: never;
        };
        /**
         * List revenues by month
         * @description Every month from the first with any revenue to the present one (UTC), and at least twelve; a month without
         *     any is 0. In the currency of the locale: `originals` says what was converted, and by which rate.
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
                locale: string;
                /**
                 * @description The month, such as `2026-11`.
                 * @example 2026-11
                 */
                month: string;
            };
            cookie?: never;
        };
        /**
         * Read what a month brought in
         * @description As the list shows it; a month without any revenue, or to come, is 0.
         */
        get: operations["revenuesRead"];
        /**
         * Write or replace the figure of a month
         * @description What the books say, in the currency of the locale, as an import would write it: it counts before the invoices
         *     of that month, which are no longer added up. `If-None-Match: *` writes it only if there is no figure yet.
         */
        put: operations["revenuesReplace"];
        post?: never;
        /**
         * Take the figure of a month away
         * @description The month is what its paid invoices add up to again. There is nothing to take away where no figure was
         *     imported or written (404).
         */
        delete: operations["revenuesRemove"];
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
                 * @description The delivery's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        /**
         * Read a delivery
         * @description How far it is, and what the endpoint answered last.
         */
        get: operations["webhookDeliveriesRead"];
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
                 * @description The delivery's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Deliver once more
         * @description What was delivered or has failed, with the same `webhook-id` and body.
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
         * List webhook endpoints, newest first
         * @description Their secrets are not among what is told.
         */
        get: operations["webhookEndpointsList"];
        put?: never;
        /**
         * Make a webhook endpoint
         * @description It is told of what happens from now on. The member `secret` is shown this once. As it is a secret, the answer
         *     is not kept for a repeated request.
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
                 * @description The endpoint's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        /**
         * Read a webhook endpoint
         * @description Without its secret.
         */
        get: operations["webhookEndpointsRead"];
        put?: never;
        post?: never;
        /**
         * Delete a webhook endpoint
         * @description And all that is known of its deliveries.
         */
        delete: operations["webhookEndpointsRemove"];
        options?: never;
        head?: never;
        /**
         * Change a webhook endpoint
         * @description A merge patch (RFC 7396). One that is enabled again is told of what happens from then on.
         */
        patch: operations["webhookEndpointsPatch"];
        trace?: never;
    };
    "/api/webhook-endpoints/{id}/deliveries": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The endpoint's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        /**
         * List what was delivered to an endpoint, newest first
         * @description What has ended is kept for 30 days.
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
                 * @description The endpoint's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Give a webhook endpoint a new secret
         * @description The old one signs too for another 24 hours, so that the receiver can follow.
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
                 * @description The endpoint's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Send a webhook endpoint a test
         * @description An event of the type `webhook.test`, whatever the endpoint wants to know of.
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
         * List what providers told, newest first
         * @description Without the bodies.
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
                 * @description The event's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        /**
         * Read what a provider told
         * @description With the body as it came.
         */
        get: operations["webhookEventsRead"];
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
                 * @description The event's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Handle an event once more
         * @description However it ended before; one that still waits for its handler keeps its job. No effect comes twice.
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
         * Receive an event of GitHub
         * @description Under the rules of Stripe's; `X-GitHub-Delivery` names the event and `X-GitHub-Event` its type. The webhook
         *     has to send `application/json`.
         */
        post: operations["webhookEventsGithub"];
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
         * Receive an event of PayPal
         * @description Under the rules of Stripe's. Certificates are known beforehand: the address that the event names is not asked.
         */
        post: operations["webhookEventsPaypal"];
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
         * Receive an event of Stripe
         * @description The bytes are verified before they are read; a bad signature is refused (400). An event that comes again is
         *     received again and has no second effect. Without a secret there is nothing here (404).
         */
        post: operations["webhookEventsStripe"];
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
         * Ask whether the process lives
         * @description Touches nothing else; an orchestrator restarts a process that does not answer.
         */
        get: operations["healthLive"];
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
                 * @description The name of its bytes, from the picture's `url`.
                 * @example 7d0f1c9a3b5e4f6081a2b3c4d5e6f708.jpg
                 */
                key: string;
            };
            cookie?: never;
        };
        /**
         * Look at a picture
         * @description As it is kept, or in another size and form, which is made when it is asked for first. Everybody may, and pages of
         *     other sites may show it.
         */
        get: operations["mediaFile"];
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
         * Ask whether the service can take requests
         * @description It can when the database answers, has the present schema, and the service is not stopping; else 503.
         */
        get: operations["healthReady"];
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
         * Sent for `comment.created`
         * @description A comment was written. Sent to each enabled webhook endpoint that wants it, signed as Standard Webhooks has it.
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
         * Sent for `comment.updated`
         * @description A comment says something else, or others can see it now. Sent to each enabled webhook endpoint that wants it, signed as Standard Webhooks has it.
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
         * Sent for `comment.deleted`
         * @description A comment is gone. Sent to each enabled webhook endpoint that wants it, signed as Standard Webhooks has it.
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
         * Sent for `customer.created`
         * @description There is a new customer. Sent to each enabled webhook endpoint that wants it, signed as Standard Webhooks has it.
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
         * Sent for `customer.updated`
         * @description A customer has changed. Sent to each enabled webhook endpoint that wants it, signed as Standard Webhooks has it.
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
         * Sent for `customer.deleted`
         * @description A customer is gone. Sent to each enabled webhook endpoint that wants it, signed as Standard Webhooks has it.
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
         * Sent for `document.created`
         * @description A document was written. Sent to each enabled webhook endpoint that wants it, signed as Standard Webhooks has it.
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
         * Sent for `document.updated`
         * @description A document has changed. Sent to each enabled webhook endpoint that wants it, signed as Standard Webhooks has it.
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
         * Sent for `document.deleted`
         * @description A document is gone. Sent to each enabled webhook endpoint that wants it, signed as Standard Webhooks has it.
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
         * Sent for `document.restored`
         * @description A document is back from the trash. Sent to each enabled webhook endpoint that wants it, signed as Standard Webhooks has it.
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
         * Sent for `invoice.created`
         * @description There is a new invoice. Sent to each enabled webhook endpoint that wants it, signed as Standard Webhooks has it.
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
         * Sent for `invoice.updated`
         * @description An invoice has changed, but for being paid or void. Sent to each enabled webhook endpoint that wants it, signed as Standard Webhooks has it.
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
         * Sent for `invoice.paid`
         * @description An invoice is paid. Sent to each enabled webhook endpoint that wants it, signed as Standard Webhooks has it.
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
         * Sent for `invoice.voided`
         * @description An invoice is void. Sent to each enabled webhook endpoint that wants it, signed as Standard Webhooks has it.
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
         * Sent for `invoice.deleted`
         * @description An invoice is gone. Sent to each enabled webhook endpoint that wants it, signed as Standard Webhooks has it.
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
         * Sent for `media.created`
         * @description There is a new picture. Sent to each enabled webhook endpoint that wants it, signed as Standard Webhooks has it.
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
         * Sent for `media.updated`
         * @description What is said of a picture has changed. Sent to each enabled webhook endpoint that wants it, signed as Standard Webhooks has it.
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
         * Sent for `media.deleted`
         * @description A picture is gone. Sent to each enabled webhook endpoint that wants it, signed as Standard Webhooks has it.
         */
        post: operations["webhooksMediaDeleted"];
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
         * Sent for `post.created`
         * @description A draft was written. Sent to each enabled webhook endpoint that wants it, signed as Standard Webhooks has it.
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
         * Sent for `post.updated`
         * @description A post has changed. Sent to each enabled webhook endpoint that wants it, signed as Standard Webhooks has it.
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
         * Sent for `post.published`
         * @description Everybody can read a post from now on. Sent to each enabled webhook endpoint that wants it, signed as Standard Webhooks has it.
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
         * Sent for `post.unpublished`
         * @description A post is a draft again. Sent to each enabled webhook endpoint that wants it, signed as Standard Webhooks has it.
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
         * Sent for `post.deleted`
         * @description A post is gone. Sent to each enabled webhook endpoint that wants it, signed as Standard Webhooks has it.
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
         * Sent for `post.restored`
         * @description A post is back from the trash. Sent to each enabled webhook endpoint that wants it, signed as Standard Webhooks has it.
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
         * Sent for `rates.updated`
         * @description New rates were told. Sent to each enabled webhook endpoint that wants it, signed as Standard Webhooks has it.
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
         * Sent for `redirect.created`
         * @description There is a new rule. Sent to each enabled webhook endpoint that wants it, signed as Standard Webhooks has it.
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
         * Sent for `redirect.updated`
         * @description A rule has changed. Sent to each enabled webhook endpoint that wants it, signed as Standard Webhooks has it.
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
         * Sent for `redirects.imported`
         * @description Many rules were written at once. Sent to each enabled webhook endpoint that wants it, signed as Standard Webhooks has it.
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
         * Sent for `redirect.deleted`
         * @description A rule is gone. Sent to each enabled webhook endpoint that wants it, signed as Standard Webhooks has it.
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
         * Sent for `revenue.updated`
         * @description What a month brought in was written. Sent to each enabled webhook endpoint that wants it, signed as Standard Webhooks has it.
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
         * Sent for `revenue.deleted`
         * @description What was written of a month is gone. Sent to each enabled webhook endpoint that wants it, signed as Standard Webhooks has it.
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
         * Sent for `tag.created`
         * @description A tag is new. Sent to each enabled webhook endpoint that wants it, signed as Standard Webhooks has it.
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
         * Sent for `tag.updated`
         * @description A tag has changed. Sent to each enabled webhook endpoint that wants it, signed as Standard Webhooks has it.
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
         * Sent for `tag.deleted`
         * @description A tag is gone. Sent to each enabled webhook endpoint that wants it, signed as Standard Webhooks has it.
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
         * Sent for `user.created`
         * @description There is a new account. Sent to each enabled webhook endpoint that wants it, signed as Standard Webhooks has it.
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
         * Sent for `user.updated`
         * @description An account has changed. Sent to each enabled webhook endpoint that wants it, signed as Standard Webhooks has it.
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
         * Sent for `user.deleted`
         * @description An account is gone. Sent to each enabled webhook endpoint that wants it, signed as Standard Webhooks has it.
         */
        post: operations["webhooksUserDeleted"];
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
         * @description A key of a program, without its secret.
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
         *       "previousUntil": "2025-11-22T09:00:00.000Z",
         *       "createdAt": "2025-11-21T09:00:00.000Z",
         *       "updatedAt": "2025-11-21T09:00:00.000Z"
         *     }
         */
        ApiKey: {
            /**
             * Format: uuid
             * @description What the key is known by; it stands in the key itself.
             * @example 0199c0de-ab1e-7c3d-8e1f-2a3b4c5d6e7f
             */
            id: string;
            /**
             * @description What its owner calls it.
             * @example Site build
             */
            name: string;
            /**
             * @description What it may be used for.
             * @example [
             *       "posts:read",
             *       "tags:read"
             *     ]
             */
            scopes: components["schemas"]["Scope"][];
            /**
             * Format: uuid
             * @description Whose it is. It may do what its owner may, within its scopes.
             * @example 0199c0de-1111-7c3d-8e1f-2a3b4c5d6e7f
             */
            owner: string;
            /**
             * Format: date-time
             * @description When it ends; left out in keys that do not.
             * @example 2026-11-21T09:00:00.000Z
             */
            expiresAt?: string;
            /**
             * Format: date-time
             * @description When it was last used, within a minute; left out in keys that never were.
             * @example 2025-11-22T09:00:00.000Z
             */
            lastUsedAt?: string;
            /**
             * Format: date-time
             * @description Until when the secret before the last rotation still works.
             * @example 2025-11-22T09:00:00.000Z
             */
            previousUntil?: string;
            /**
             * Format: date-time
             * @description When it was made.
             * @example 2025-11-21T09:00:00.000Z
             */
            createdAt: string;
            /**
             * Format: date-time
             * @description When it was last changed.
             * @example 2025-11-21T09:00:00.000Z
             */
            updatedAt: string;
        };
        /**
         * @description One page of a list.
         * @example {
         *       "data": [
         *         {
         *           "id": "0199c0de-ab1e-7c3d-8e1f-2a3b4c5d6e7f",
         *           "name": "Site build",
         *           "scopes": [
         *             "posts:read",
         *             "tags:read"
         *           ],
         *           "owner": "0199c0de-1111-7c3d-8e1f-2a3b4c5d6e7f",
         *           "expiresAt": "2026-11-21T09:00:00.000Z",
         *           "lastUsedAt": "2025-11-22T09:00:00.000Z",
         *           "previousUntil": "2025-11-22T09:00:00.000Z",
         *           "createdAt": "2025-11-21T09:00:00.000Z",
         *           "updatedAt": "2025-11-21T09:00:00.000Z"
         *         }
         *       ],
         *       "pagination": {
         *         "page": 1,
         *         "limit": 10,
         *         "total": 1,
         *         "pages": 1
         *       }
         *     }
         */
        ApiKeyPage: {
            /**
             * @description The entries of this page, in the order asked for.
             * @example [
             *       {
             *         "id": "0199c0de-ab1e-7c3d-8e1f-2a3b4c5d6e7f",
             *         "name": "Site build",
             *         "scopes": [
             *           "posts:read",
             *           "tags:read"
             *         ],
             *         "owner": "0199c0de-1111-7c3d-8e1f-2a3b4c5d6e7f",
             *         "expiresAt": "2026-11-21T09:00:00.000Z",
             *         "lastUsedAt": "2025-11-22T09:00:00.000Z",
             *         "previousUntil": "2025-11-22T09:00:00.000Z",
             *         "createdAt": "2025-11-21T09:00:00.000Z",
             *         "updatedAt": "2025-11-21T09:00:00.000Z"
             *       }
             *     ]
             */
            data: components["schemas"]["ApiKey"][];
            pagination: components["schemas"]["Pagination"];
        };
        /**
         * @description What everybody may know of somebody who has an account.
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
             * @example 0199c0de-1111-7c3d-8e1f-2a3b4c5d6e7f
             */
            id: string;
            /**
             * @description The name that is shown.
             * @example Ada Turner
             */
            name: string;
            /**
             * @description What they say of themselves.
             * @example Writes about wood and contracts.
             */
            bio?: string;
            /**
             * @description The address of their own site.
             * @example https://ada.acme.test/
             */
            url?: string;
            /**
             * @description The address of a picture.
             * @example https://www.acme.test/ada.webp
             */
            avatarUrl?: string;
            /**
             * Format: int64
             * @description How many published posts they wrote, alone or with others.
             * @example 12
             */
            postsCount: number;
        };
        /**
         * @description One page of a list.
         * @example {
         *       "data": [
         *         {
         *           "id": "0199c0de-1111-7c3d-8e1f-2a3b4c5d6e7f",
         *           "name": "Ada Turner",
         *           "bio": "Writes about wood and contracts.",
         *           "url": "https://ada.acme.test/",
         *           "avatarUrl": "https://www.acme.test/ada.webp",
         *           "postsCount": 12
         *         }
         *       ],
         *       "pagination": {
         *         "page": 1,
         *         "limit": 10,
         *         "total": 1,
         *         "pages": 1
         *       }
         *     }
         */
        AuthorPage: {
            /**
             * @description The entries of this page, in the order asked for.
             * @example [
             *       {
             *         "id": "0199c0de-1111-7c3d-8e1f-2a3b4c5d6e7f",
             *         "name": "Ada Turner",
             *         "bio": "Writes about wood and contracts.",
             *         "url": "https://ada.acme.test/",
             *         "avatarUrl": "https://www.acme.test/ada.webp",
             *         "postsCount": 12
             *       }
             *     ]
             */
            data: components["schemas"]["Author"][];
            pagination: components["schemas"]["Pagination"];
        };
        /**
         * @description Who wrote something.
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
             * @example 0199c0de-1111-7c3d-8e1f-2a3b4c5d6e7f
             */
            id: string;
            /**
             * @description The name that is shown.
             * @example Ada Turner
             */
            name: string;
            /**
             * @description The address of a picture, if there is one.
             * @example https://www.acme.test/ada.webp
             */
            avatarUrl?: string;
            /**
             * @description What the author says of themselves, if they do; in lists only with `expand=author`.
             * @example Writes about wood and contracts.
             */
            bio?: string;
        };
        /**
         * @description Totals over everything.
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
             * @description The sum of all paid invoices, in minor units.
             * @example 91234
             */
            collected: number;
            /**
             * Format: int64
             * @description The sum of all pending invoices, in minor units.
             * @example 13584
             */
            pending: number;
            /**
             * Format: int64
             * @description How many invoices there are, in whatever state.
             * @example 13
             */
            invoices: number;
            /**
             * Format: int64
             * @description How many customers there are.
             * @example 6
             */
            customers: number;
        };
        /**
         * @description How a version came to be.
         * @enum {string}
         */
        Change: "created" | "changed" | "imported" | "restored" | "deleted" | "undeleted" | "published" | "unpublished";
        /**
         * @description A comment.
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
             * @description What the comment is known by.
             * @example 0199c0de-3333-7c3d-8e1f-2a3b4c5d6e7f
             */
            id: string;
            /**
             * Format: uuid
             * @description The post that it is about.
             * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
             */
            postId: string;
            /**
             * Format: uuid
             * @description The comment that it answers, if it is a reply.
             * @example 0199c0de-3332-7c3d-8e1f-2a3b4c5d6e7f
             */
            parentId?: string;
            /**
             * Format: int32
             * @description 0 for a comment on the post, 1 for a reply to it, and so on.
             * @example 1
             */
            depth: number;
            /** @description Who wrote it. */
            author: components["schemas"]["AuthorRef"];
            /**
             * @description What it says, as plain text.
             * @example Does this work for a drawer as well?
             */
            content: string;
            /** @description Who can see it. */
            status: components["schemas"]["CommentStatus"];
            /** @description The post, with `expand=post`. */
            post?: components["schemas"]["PostRef"];
            /**
             * Format: date-time
             * @description When it was written.
             * @example 2025-11-21T10:30:00.000Z
             */
            createdAt: string;
            /**
             * Format: date-time
             * @description When it was last changed.
             * @example 2025-11-21T10:30:00.000Z
             */
            updatedAt: string;
        };
        /**
         * @description What may be told in more detail.
         * @enum {string}
         */
        CommentExpand: "post";
        /**
         * @description One page of a list.
         * @example {
         *       "data": [
         *         {
         *           "id": "0199c0de-3333-7c3d-8e1f-2a3b4c5d6e7f",
         *           "postId": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *           "parentId": "0199c0de-3332-7c3d-8e1f-2a3b4c5d6e7f",
         *           "depth": 1,
         *           "author": {
         *             "id": "0199c0de-4444-7c3d-8e1f-2a3b4c5d6e7f",
         *             "name": "Ben Wood"
         *           },
         *           "content": "Does this work for a drawer as well?",
         *           "status": "approved",
         *           "post": {
         *             "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *             "slug": "a-joint-that-fits",
         *             "title": "A joint that fits"
         *           },
         *           "createdAt": "2025-11-21T10:30:00.000Z",
         *           "updatedAt": "2025-11-21T10:30:00.000Z"
         *         }
         *       ],
         *       "pagination": {
         *         "page": 1,
         *         "limit": 10,
         *         "total": 1,
         *         "pages": 1
         *       }
         *     }
         */
        CommentPage: {
            /**
             * @description The entries of this page, in the order asked for.
             * @example [
             *       {
             *         "id": "0199c0de-3333-7c3d-8e1f-2a3b4c5d6e7f",
             *         "postId": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
             *         "parentId": "0199c0de-3332-7c3d-8e1f-2a3b4c5d6e7f",
             *         "depth": 1,
             *         "author": {
             *           "id": "0199c0de-4444-7c3d-8e1f-2a3b4c5d6e7f",
             *           "name": "Ben Wood"
             *         },
             *         "content": "Does this work for a drawer as well?",
             *         "status": "approved",
             *         "post": {
             *           "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
             *           "slug": "a-joint-that-fits",
             *           "title": "A joint that fits"
             *         },
             *         "createdAt": "2025-11-21T10:30:00.000Z",
             *         "updatedAt": "2025-11-21T10:30:00.000Z"
             *       }
             *     ]
             */
            data: components["schemas"]["Comment"][];
            pagination: components["schemas"]["Pagination"];
        };
        /**
         * @description What of a comment shall change. Its author may change what it says for 15 minutes; editors decide who can
         *     see it.
         * @example {
         *       "content": "Does this work for drawers as well?",
         *       "status": "approved"
         *     }
         */
        CommentPatch: {
            /**
             * @description What it says; white space around it is dropped.
             * @example Does this work for drawers as well?
             */
            content?: string;
            /** @description Who can see it. */
            status?: components["schemas"]["CommentStatus"];
        };
        /**
         * @description Orders of comments.
         * @enum {string}
         */
        CommentSort: "createdAt" | "-createdAt";
        /**
         * @description Who can see a comment.
         * @enum {string}
         */
        CommentStatus: "pending" | "approved" | "rejected";
        /**
         * @description How something is.
         * @enum {string}
         */
        Condition: "ok" | "degraded";
        /**
         * @description Whether a list is counted.
         * @enum {string}
         */
        Count: "exact" | "none";
        /**
         * @description Who signs in.
         * @example {
         *       "email": "ada@acme.test",
         *       "password": "mortise and tenon",
         *       "cookie": true
         *     }
         */
        Credentials: {
            /**
             * @description The e-mail address of the account. Its case does not matter.
             * @example ada@acme.test
             */
            email: string;
            /**
             * @description The password.
             * @example mortise and tenon
             */
            password: string;
            /**
             * @description Whether a browser shall also get a session cookie.
             * @default false
             * @example true
             */
            cookie?: boolean;
        };
        /**
         * @description A customer as a whole.
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
             * @description What the customer is known by for good.
             * @example 0199c0de-2222-7c3d-8e1f-2a3b4c5d6e7f
             */
            id: string;
            /**
             * @description The name that stands on invoices.
             * @example Evil Rabbit
             */
            name: string;
            /**
             * @description The e-mail address, in lower case; unique.
             * @example evil@rabbit.acme.test
             */
            email: string;
            /**
             * @description The address of a picture, or its path on the site.
             * @example /customers/evil-rabbit.png
             */
            imageUrl?: string;
            /**
             * Format: int64
             * @description How many invoices the customer has, in whatever state.
             * @example 1
             */
            invoicesCount: number;
            /**
             * Format: date-time
             * @description When the customer was first written down.
             * @example 2025-11-20T09:00:00.000Z
             */
            createdAt: string;
            /**
             * Format: date-time
             * @description When the customer was last changed.
             * @example 2025-11-21T09:00:00.000Z
             */
            updatedAt: string;
        };
        /**
         * @description What of a customer shall change: members left out stay, `null` clears.
         * @example {
         *       "name": "The Evil Rabbit",
         *       "email": "evil@rabbit.acme.test",
         *       "imageUrl": "/customers/evil-rabbit.png"
         *     }
         */
        CustomerPatch: {
            /**
             * @description The name that stands on invoices, on one line; spaces around it are dropped.
             * @example The Evil Rabbit
             */
            name?: string;
            /**
             * @description The e-mail address. Its case does not matter.
             * @example evil@rabbit.acme.test
             */
            email?: string;
            /**
             * @description The address of a picture (`https://…`), or its path on the site (`/…`); `null` clears it.
             * @example /customers/evil-rabbit.png
             */
            imageUrl?: string | null;
        };
        /**
         * @description A customer, by name.
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
             * @example 0199c0de-2222-7c3d-8e1f-2a3b4c5d6e7f
             */
            id: string;
            /**
             * @description The name that stands on invoices.
             * @example Evil Rabbit
             */
            name: string;
            /**
             * @description The e-mail address.
             * @example evil@rabbit.acme.test
             */
            email: string;
            /**
             * @description The address of a picture, or its path on the site.
             * @example /customers/evil-rabbit.png
             */
            imageUrl?: string;
        };
        /**
         * @description A customer in a list: `fields` says which members come along.
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
             * @description What the customer is known by for good.
             * @example 0199c0de-2222-7c3d-8e1f-2a3b4c5d6e7f
             */
            id: string;
            /**
             * @description The name that stands on invoices.
             * @example Evil Rabbit
             */
            name?: string;
            /**
             * @description The e-mail address, in lower case; unique.
             * @example evil@rabbit.acme.test
             */
            email?: string;
            /**
             * @description The address of a picture, or its path on the site.
             * @example /customers/evil-rabbit.png
             */
            imageUrl?: string;
            /**
             * Format: int64
             * @description How many invoices the customer has, in whatever state.
             * @example 1
             */
            invoicesCount?: number;
            /**
             * Format: date-time
             * @description When the customer was first written down.
             * @example 2025-11-20T09:00:00.000Z
             */
            createdAt?: string;
            /**
             * Format: date-time
             * @description When the customer was last changed.
             * @example 2025-11-21T09:00:00.000Z
             */
            updatedAt?: string;
        };
        /**
         * @description One page of a list.
         * @example {
         *       "data": [
         *         {
         *           "id": "0199c0de-2222-7c3d-8e1f-2a3b4c5d6e7f",
         *           "name": "Evil Rabbit",
         *           "email": "evil@rabbit.acme.test",
         *           "imageUrl": "/customers/evil-rabbit.png",
         *           "invoicesCount": 1,
         *           "createdAt": "2025-11-20T09:00:00.000Z",
         *           "updatedAt": "2025-11-21T09:00:00.000Z"
         *         }
         *       ],
         *       "pagination": {
         *         "page": 1,
         *         "limit": 10,
         *         "total": 1,
         *         "pages": 1
         *       }
         *     }
         */
        CustomerSummaryPage: {
            /**
             * @description The entries of this page, in the order asked for.
             * @example [
             *       {
             *         "id": "0199c0de-2222-7c3d-8e1f-2a3b4c5d6e7f",
             *         "name": "Evil Rabbit",
             *         "email": "evil@rabbit.acme.test",
             *         "imageUrl": "/customers/evil-rabbit.png",
             *         "invoicesCount": 1,
             *         "createdAt": "2025-11-20T09:00:00.000Z",
             *         "updatedAt": "2025-11-21T09:00:00.000Z"
             *       }
             *     ]
             */
            data: components["schemas"]["CustomerSummary"][];
            pagination: components["schemas"]["Pagination"];
        };
        /**
         * @description What an office looks at first, in the currency of a locale. A part that could not be read is left out and
         *     named in `failed`.
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
            /**
             * @description The locale that was asked for.
             * @example en-us
             */
            locale: string;
            /**
             * @description Its currency.
             * @example EUR
             */
            currency: string;
            /** @description Totals over everything. */
            cards?: components["schemas"]["Cards"];
            /**
             * @description The last twelve months, oldest first.
             * @example [
             *       {
             *         "month": "2025-11",
             *         "amount": 13584,
             *         "currency": "EUR",
             *         "source": "invoices",
             *         "originals": [
             *           {
             *             "amount": 15795,
             *             "currency": "USD",
             *             "rate": "0.86",
             *             "rateDate": "2025-11-21",
             *             "rateSource": "open.er-api.com",
             *             "rateState": "fresh"
             *           }
             *         ]
             *       }
             *     ]
             */
            revenues?: components["schemas"]["Revenue"][];
            /**
             * @description The five invoices of the latest days, each with its customer.
             * @example [
             *       {
             *         "id": "0199c0de-3333-7c3d-8e1f-2a3b4c5d6e7f",
             *         "number": 1,
             *         "customerId": "0199c0de-2222-7c3d-8e1f-2a3b4c5d6e7f",
             *         "customer": {
             *           "id": "0199c0de-2222-7c3d-8e1f-2a3b4c5d6e7f",
             *           "name": "Evil Rabbit",
             *           "email": "evil@rabbit.acme.test",
             *           "imageUrl": "/customers/evil-rabbit.png"
             *         },
             *         "amount": 13584,
             *         "currency": "EUR",
             *         "original": {
             *           "amount": 15795,
             *           "currency": "USD",
             *           "rate": "0.86",
             *           "rateDate": "2025-11-21",
             *           "rateSource": "open.er-api.com",
             *           "rateState": "fresh"
             *         },
             *         "status": "pending",
             *         "date": "2025-11-21"
             *       }
             *     ]
             */
            latest?: components["schemas"]["InvoiceSummary"][];
            /**
             * @description What the other currencies of the service are in this one.
             * @example [
             *       {
             *         "base": "USD",
             *         "currency": "EUR",
             *         "rate": "0.8612",
             *         "rateDate": "2026-11-20",
             *         "rateSource": "open.er-api.com",
             *         "rateState": "fresh",
             *         "fetchedAt": "2026-11-21T06:00:00.000Z"
             *       }
             *     ]
             */
            rates?: components["schemas"]["Rate"][];
            /**
             * @description The parts that could not be read in time; ask again for them.
             * @example []
             */
            failed: components["schemas"]["DashboardPart"][];
        };
        /**
         * @description A part of the dashboard.
         * @enum {string}
         */
        DashboardPart: "cards" | "revenues" | "latest" | "rates";
        /**
         * @description Whether a list shows what was deleted.
         * @enum {string}
         */
        Deleted: "only";
        /**
         * @description How far a delivery is.
         * @enum {string}
         */
        DeliveryState: "pending" | "delivered" | "failed";
        /**
         * @description Why an endpoint is not called.
         * @enum {string}
         */
        DisabledReason: "asked" | "gone" | "failing";
        /**
         * @description A document as a whole.
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
             * @description What the document is known by for good.
             * @example 0199c0de-2222-7c3d-8e1f-2a3b4c5d6e7f
             */
            id: string;
            /**
             * @description Its place in the tree.
             * @example guides/getting-started
             */
            path: string;
            /**
             * @description The heading.
             * @example Getting started
             */
            title: string;
            /**
             * @description The text, in Markdown.
             * @example # Getting started
             *
             *     Cut the tenon to the mortise.
             */
            content: string;
            /**
             * Format: int64
             * @description Its place among its neighbours; lists go by it.
             * @example 1
             */
            position: number;
            /**
             * Format: date-time
             * @description When it was written.
             * @example 2025-11-21T09:00:00.000Z
             */
            createdAt: string;
            /**
             * Format: date-time
             * @description When it was last changed.
             * @example 2025-11-21T09:00:00.000Z
             */
            updatedAt: string;
        };
        /**
         * @description What can be written of a document.
         * @example {
         *       "path": "guides/getting-started",
         *       "title": "Getting started",
         *       "content": "# Getting started\n\nCut the tenon to the mortise.",
         *       "position": 1
         *     }
         */
        DocumentContent: {
            /**
             * @description Its place in the tree.
             * @example guides/getting-started
             */
            path: string;
            /**
             * @description The heading.
             * @example Getting started
             */
            title: string;
            /**
             * @description The text, in Markdown.
             * @example # Getting started
             *
             *     Cut the tenon to the mortise.
             */
            content: string;
            /**
             * Format: int64
             * @description Its place among its neighbours.
             * @example 1
             */
            position: number;
        };
        /**
         * @description A document as it shall be from now on.
         * @example {
         *       "title": "Getting started",
         *       "content": "# Getting started\n\nCut the tenon to the mortise.",
         *       "position": 1
         *     }
         */
        DocumentReplacement: {
            /**
             * @description The heading; white space around it is dropped.
             * @example Getting started
             */
            title: string;
            /**
             * @description The text, in Markdown.
             * @example # Getting started
             *
             *     Cut the tenon to the mortise.
             */
            content: string;
            /**
             * Format: int64
             * @description Its place among its neighbours.
             * @default 0
             * @example 1
             */
            position?: number;
        };
        /**
         * @description A revision of a document, with what was written.
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
             * @description What the revision is known by.
             * @example 0199c0de-3333-7c3d-8e1f-2a3b4c5d6e7f
             */
            id: string;
            /**
             * Format: int64
             * @description The number of the version, counted from 1.
             * @example 3
             */
            version: number;
            /** @description How it came to be. */
            change: components["schemas"]["Change"];
            /**
             * Format: uuid
             * @description The revision that it brought back, if it did.
             */
            restoredFrom?: string;
            /** @description Who wrote it; left out for what the service did by itself, and for who is no user any more. */
            by?: components["schemas"]["AuthorRef"];
            /**
             * Format: date-time
             * @description When it was written.
             * @example 2025-11-21T09:30:00.000Z
             */
            createdAt: string;
            /** @description What the document was. */
            document: components["schemas"]["DocumentContent"];
        };
        /**
         * @description A document as an entry of the tree.
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
             * @description What the document is known by for good.
             * @example 0199c0de-2222-7c3d-8e1f-2a3b4c5d6e7f
             */
            id: string;
            /**
             * @description Its place in the tree.
             * @example guides/getting-started
             */
            path: string;
            /**
             * @description The heading.
             * @example Getting started
             */
            title: string;
            /**
             * Format: int64
             * @description Its place among its neighbours.
             * @example 1
             */
            position: number;
            /**
             * Format: date-time
             * @description When it was last changed.
             * @example 2025-11-21T09:00:00.000Z
             */
            updatedAt: string;
            /**
             * Format: date-time
             * @description When it was put into the trash; only there.
             */
            deletedAt?: string;
        };
        /**
         * @description One page of a list.
         * @example {
         *       "data": [
         *         {
         *           "id": "0199c0de-2222-7c3d-8e1f-2a3b4c5d6e7f",
         *           "path": "guides/getting-started",
         *           "title": "Getting started",
         *           "position": 1,
         *           "updatedAt": "2025-11-21T09:00:00.000Z"
         *         }
         *       ],
         *       "pagination": {
         *         "page": 1,
         *         "limit": 10,
         *         "total": 1,
         *         "pages": 1
         *       }
         *     }
         */
        DocumentSummaryPage: {
            /**
             * @description The entries of this page, in the order asked for.
             * @example [
             *       {
             *         "id": "0199c0de-2222-7c3d-8e1f-2a3b4c5d6e7f",
             *         "path": "guides/getting-started",
             *         "title": "Getting started",
             *         "position": 1,
             *         "updatedAt": "2025-11-21T09:00:00.000Z"
             *       }
             *     ]
             */
            data: components["schemas"]["DocumentSummary"][];
            pagination: components["schemas"]["Pagination"];
        };
        /**
         * @description Whether an endpoint is called.
         * @enum {string}
         */
        EndpointState: "enabled" | "disabled";
        /**
         * @description Something that happened.
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
             * @description What the event is known by; webhooks send it as `webhook-id`.
             * @example 0199c0de-8888-7c3d-8e1f-2a3b4c5d6e7f
             */
            id: string;
            /**
             * Format: int64
             * @description Its place in the log, which is the `id` of the stream's event. Events that the caller may not know of leave
             *     gaps.
             * @example 4711
             */
            position: number;
            /** @description What happened. */
            type: components["schemas"]["EventType"];
            /** @description What it is about. */
            topic: components["schemas"]["Topic"];
            /**
             * Format: date-time
             * @description When it happened.
             * @example 2025-11-21T10:30:00.000Z
             */
            occurredAt: string;
            /** @description To which resource. */
            data: components["schemas"]["EventData"];
        };
        /**
         * @description The resource that an event is about.
         * @example {
         *       "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *       "href": "/api/posts/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *       "version": 3
         *     }
         */
        EventData: {
            /**
             * @description What the resource is known by.
             * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
             */
            id: string;
            /**
             * @description Where it is read: an absolute path on this service.
             * @example /api/posts/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
             */
            href: string;
            /**
             * Format: int64
             * @description Counts its changes; left out where nothing counts them.
             * @example 3
             */
            version?: number;
        };
        /**
         * @description What happened.
         * @enum {string}
         */
        EventType: "comment.created" | "comment.updated" | "comment.deleted" | "customer.created" | "customer.updated" | "customer.deleted" | "document.created" | "document.updated" | "document.deleted" | "document.restored" | "invoice.created" | "invoice.updated" | "invoice.paid" | "invoice.voided" | "invoice.deleted" | "media.created" | "media.updated" | "media.deleted" | "post.created" | "post.updated" | "post.published" | "post.unpublished" | "post.deleted" | "post.restored" | "rates.updated" | "redirect.created" | "redirect.updated" | "redirects.imported" | "redirect.deleted" | "revenue.updated" | "revenue.deleted" | "tag.created" | "tag.updated" | "tag.deleted" | "user.created" | "user.updated" | "user.deleted";
        /**
         * @description Whether the client's country is looked at.
         * @enum {string}
         */
        Geo: "auto" | "off";
        /**
         * @description An invoice as a whole, in the currency of the locale.
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
         *       "createdAt": "2025-11-21T09:00:00.000Z",
         *       "updatedAt": "2025-11-21T09:00:00.000Z"
         *     }
         */
        Invoice: {
            /**
             * Format: uuid
             * @description What the invoice is known by for good.
             * @example 0199c0de-3333-7c3d-8e1f-2a3b4c5d6e7f
             */
            id: string;
            /**
             * Format: int64
             * @description Its number, counted upwards from 1.
             * @example 1
             */
            number: number;
            /**
             * Format: uuid
             * @description Whose invoice it is.
             * @example 0199c0de-2222-7c3d-8e1f-2a3b4c5d6e7f
             */
            customerId: string;
            /** @description The customer, with `expand=customer`. */
            customer?: components["schemas"]["CustomerRef"];
            /**
             * Format: int64
             * @description The amount in minor units of `currency`.
             * @example 13584
             */
            amount: number;
            /**
             * @description The currency of the locale.
             * @example EUR
             */
            currency: string;
            /** @description What it was made out in, when that is another currency; the amount is converted for this answer. */
            original?: components["schemas"]["Original"];
            /** @description How far it is. */
            status: components["schemas"]["InvoiceStatus"];
            /**
             * Format: date
             * @description The day on it.
             * @example 2026-11-21
             */
            date: string;
            /**
             * Format: date-time
             * @description When it was first written.
             * @example 2025-11-21T09:00:00.000Z
             */
            createdAt: string;
            /**
             * Format: date-time
             * @description When it was last changed.
             * @example 2025-11-21T09:00:00.000Z
             */
            updatedAt: string;
        };
        /**
         * @description What may be told in more detail.
         * @enum {string}
         */
        InvoiceExpand: "customer";
        /**
         * @description What of an invoice shall change: members left out stay.
         * @example {
         *       "customerId": "0199c0de-2222-7c3d-8e1f-2a3b4c5d6e7f",
         *       "amount": 15795,
         *       "status": "paid",
         *       "date": "2025-11-21"
         *     }
         */
        InvoicePatch: {
            /**
             * Format: uuid
             * @description Whose invoice it is.
             * @example 0199c0de-2222-7c3d-8e1f-2a3b4c5d6e7f
             */
            customerId?: string;
            /**
             * Format: int64
             * @description The amount in minor units of the currency in which it was made out.
             * @example 15795
             */
            amount?: number;
            /** @description How far it is. */
            status?: components["schemas"]["InvoiceStatus"];
            /**
             * Format: date
             * @description The day on it.
             * @example 2026-11-21
             */
            date?: string;
        };
        /**
         * @description How far an invoice is.
         * @enum {string}
         */
        InvoiceStatus: "draft" | "pending" | "paid" | "void";
        /**
         * @description An invoice in a list: `fields` says which members come along.
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
             * @description What the invoice is known by for good.
             * @example 0199c0de-3333-7c3d-8e1f-2a3b4c5d6e7f
             */
            id: string;
            /**
             * Format: int64
             * @description Its number, counted upwards from 1.
             * @example 1
             */
            number?: number;
            /**
             * Format: uuid
             * @description Whose invoice it is.
             * @example 0199c0de-2222-7c3d-8e1f-2a3b4c5d6e7f
             */
            customerId?: string;
            /** @description The customer, with `expand=customer` or where `fields` names it. */
            customer?: components["schemas"]["CustomerRef"];
            /**
             * Format: int64
             * @description The amount in minor units of `currency`.
             * @example 13584
             */
            amount?: number;
            /**
             * @description The currency of the locale; comes with the amount.
             * @example EUR
             */
            currency?: string;
            /** @description What it was made out in, when that is another currency; comes with the amount. */
            original?: components["schemas"]["Original"];
            /** @description How far it is. */
            status?: components["schemas"]["InvoiceStatus"];
            /**
             * Format: date
             * @description The day on it.
             * @example 2026-11-21
             */
            date?: string;
        };
        /**
         * @description One page of a list.
         * @example {
         *       "data": [
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
         *       "pagination": {
         *         "page": 1,
         *         "limit": 10,
         *         "total": 1,
         *         "pages": 1
         *       }
         *     }
         */
        InvoiceSummaryPage: {
            /**
             * @description The entries of this page, in the order asked for.
             * @example [
             *       {
             *         "id": "0199c0de-3333-7c3d-8e1f-2a3b4c5d6e7f",
             *         "number": 1,
             *         "customerId": "0199c0de-2222-7c3d-8e1f-2a3b4c5d6e7f",
             *         "customer": {
             *           "id": "0199c0de-2222-7c3d-8e1f-2a3b4c5d6e7f",
             *           "name": "Evil Rabbit",
             *           "email": "evil@rabbit.acme.test",
             *           "imageUrl": "/customers/evil-rabbit.png"
             *         },
             *         "amount": 13584,
             *         "currency": "EUR",
             *         "original": {
             *           "amount": 15795,
             *           "currency": "USD",
             *           "rate": "0.86",
             *           "rateDate": "2025-11-21",
             *           "rateSource": "open.er-api.com",
             *           "rateState": "fresh"
             *         },
             *         "status": "pending",
             *         "date": "2025-11-21"
             *       }
             *     ]
             */
            data: components["schemas"]["InvoiceSummary"][];
            pagination: components["schemas"]["Pagination"];
        };
        /**
         * @description A key of a program with its secret, which is shown this once.
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
         *       "previousUntil": "2025-11-22T09:00:00.000Z",
         *       "createdAt": "2025-11-21T09:00:00.000Z",
         *       "updatedAt": "2025-11-21T09:00:00.000Z",
         *       "key": "tenon_0199c0deab1e7c3d8e1f2a3b4c5d6e7f_EXAMPLE-of-a-secret-EXAMPLE-of-a-secret-EXA"
         *     }
         */
        IssuedApiKey: {
            /**
             * Format: uuid
             * @description What the key is known by; it stands in the key itself.
             * @example 0199c0de-ab1e-7c3d-8e1f-2a3b4c5d6e7f
             */
            id: string;
            /**
             * @description What its owner calls it.
             * @example Site build
             */
            name: string;
            /**
             * @description What it may be used for.
             * @example [
             *       "posts:read",
             *       "tags:read"
             *     ]
             */
            scopes: components["schemas"]["Scope"][];
            /**
             * Format: uuid
             * @description Whose it is. It may do what its owner may, within its scopes.
             * @example 0199c0de-1111-7c3d-8e1f-2a3b4c5d6e7f
             */
            owner: string;
            /**
             * Format: date-time
             * @description When it ends; left out in keys that do not.
             * @example 2026-11-21T09:00:00.000Z
             */
            expiresAt?: string;
            /**
             * Format: date-time
             * @description When it was last used, within a minute; left out in keys that never were.
             * @example 2025-11-22T09:00:00.000Z
             */
            lastUsedAt?: string;
            /**
             * Format: date-time
             * @description Until when the secret before the last rotation still works.
             * @example 2025-11-22T09:00:00.000Z
             */
            previousUntil?: string;
            /**
             * Format: date-time
             * @description When it was made.
             * @example 2025-11-21T09:00:00.000Z
             */
            createdAt: string;
            /**
             * Format: date-time
             * @description When it was last changed.
             * @example 2025-11-21T09:00:00.000Z
             */
            updatedAt: string;
            /**
             * @description What the program sends as `Authorization: Bearer …`.
             * @example tenon_0199c0deab1e7c3d8e1f2a3b4c5d6e7f_EXAMPLE-of-a-secret-EXAMPLE-of-a-secret-EXA
             */
            key: string;
        };
        /**
         * @description A webhook endpoint with its secret, which is shown this once.
         * @example {
         *       "id": "0199c0de-9a9a-7c3d-8e1f-2a3b4c5d6e71",
         *       "url": "https://hooks.acme.test/tenon",
         *       "description": "Tells the warehouse what is paid.",
         *       "events": [
         *         "invoice.paid",
         *         "posts"
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
             * @description What the endpoint is known by.
             * @example 0199c0de-9a9a-7c3d-8e1f-2a3b4c5d6e71
             */
            id: string;
            /**
             * @description Where it is called.
             * @example https://hooks.acme.test/tenon
             */
            url: string;
            /**
             * @description What it is for.
             * @example Tells the warehouse what is paid.
             */
            description?: string;
            /**
             * @description What it wants to know of: types of events and topics. Empty: everything.
             * @example [
             *       "invoice.paid",
             *       "posts"
             *     ]
             */
            events: ("comments" | "customers" | "documents" | "invoices" | "media" | "posts" | "rates" | "redirects" | "revenues" | "tags" | "users" | "comment.created" | "comment.updated" | "comment.deleted" | "customer.created" | "customer.updated" | "customer.deleted" | "document.created" | "document.updated" | "document.deleted" | "document.restored" | "invoice.created" | "invoice.updated" | "invoice.paid" | "invoice.voided" | "invoice.deleted" | "media.created" | "media.updated" | "media.deleted" | "post.created" | "post.updated" | "post.published" | "post.unpublished" | "post.deleted" | "post.restored" | "rates.updated" | "redirect.created" | "redirect.updated" | "redirects.imported" | "redirect.deleted" | "revenue.updated" | "revenue.deleted" | "tag.created" | "tag.updated" | "tag.deleted" | "user.created" | "user.updated" | "user.deleted")[];
            /** @description Whether it is called. */
            state: components["schemas"]["EndpointState"];
            /** @description Why it is not. */
            disabledReason?: components["schemas"]["DisabledReason"];
            /**
             * Format: date-time
             * @description Until when the secret before the last rotation signs too.
             */
            previousUntil?: string;
            /**
             * Format: date-time
             * @description When it was made.
             * @example 2025-11-21T10:30:00.000Z
             */
            createdAt: string;
            /**
             * Format: date-time
             * @description When it was last changed.
             * @example 2025-11-21T10:30:00.000Z
             */
            updatedAt: string;
            /**
             * @description What deliveries are signed with: `whsec_` and the key in base64.
             * @example whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
             */
            secret: string;
        };
        /**
         * @description Something that is done after an answer.
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
             * @description What the job is known by.
             * @example 0199c0de-9999-7c3d-8e1f-2a3b4c5d6e7f
             */
            id: string;
            /**
             * @description What is done.
             * @example service.sweep
             */
            kind: string;
            /** @description How far it is. */
            state: components["schemas"]["JobState"];
            /**
             * Format: date-time
             * @description When it is tried next, or was tried last.
             * @example 2025-11-21T10:30:00.000Z
             */
            runAt: string;
            /**
             * Format: int32
             * @description How often it was begun since it was last asked for.
             * @example 1
             */
            attempts: number;
            /**
             * Format: int32
             * @description How often it is begun before it is given up.
             * @example 8
             */
            maxAttempts: number;
            /** @description Why the last try failed. */
            lastError?: string;
            /**
             * Format: date-time
             * @description When it was asked for first.
             * @example 2025-11-21T10:30:00.000Z
             */
            createdAt: string;
            /**
             * Format: date-time
             * @description When something last changed.
             * @example 2025-11-21T10:30:00.250Z
             */
            updatedAt: string;
            /**
             * Format: date-time
             * @description When it ended, well or not.
             * @example 2025-11-21T10:30:00.250Z
             */
            finishedAt?: string;
        };
        /**
         * @description One page of a list.
         * @example {
         *       "data": [
         *         {
         *           "id": "0199c0de-9999-7c3d-8e1f-2a3b4c5d6e7f",
         *           "kind": "service.sweep",
         *           "state": "done",
         *           "runAt": "2025-11-21T10:30:00.000Z",
         *           "attempts": 1,
         *           "maxAttempts": 8,
         *           "createdAt": "2025-11-21T10:30:00.000Z",
         *           "updatedAt": "2025-11-21T10:30:00.250Z",
         *           "finishedAt": "2025-11-21T10:30:00.250Z"
         *         }
         *       ],
         *       "pagination": {
         *         "page": 1,
         *         "limit": 10,
         *         "total": 1,
         *         "pages": 1
         *       }
         *     }
         */
        JobPage: {
            /**
             * @description The entries of this page, in the order asked for.
             * @example [
             *       {
             *         "id": "0199c0de-9999-7c3d-8e1f-2a3b4c5d6e7f",
             *         "kind": "service.sweep",
             *         "state": "done",
             *         "runAt": "2025-11-21T10:30:00.000Z",
             *         "attempts": 1,
             *         "maxAttempts": 8,
             *         "createdAt": "2025-11-21T10:30:00.000Z",
             *         "updatedAt": "2025-11-21T10:30:00.250Z",
             *         "finishedAt": "2025-11-21T10:30:00.250Z"
             *       }
             *     ]
             */
            data: components["schemas"]["Job"][];
            pagination: components["schemas"]["Pagination"];
        };
        /**
         * @description How far a job is.
         * @enum {string}
         */
        JobState: "ready" | "running" | "done" | "dead";
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
            /**
             * @description Newest first.
             * @example [
             *       {
             *         "kty": "OKP",
             *         "crv": "Ed25519",
             *         "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
             *         "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
             *         "use": "sig",
             *         "alg": "EdDSA"
             *       }
             *     ]
             */
            keys: components["schemas"]["PublicKey"][];
        };
        /**
         * @description A sign of life.
         * @example {
         *       "status": "ok"
         *     }
         */
        Life: {
            /** @description Always `ok` when there is an answer. */
            status: components["schemas"]["Condition"];
        };
        /**
         * @description A session's tokens. They are shown once.
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
            /**
             * @description What proves the caller from now on: a JWT for `Authorization: Bearer …`.
             * @example eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFZERTQSJ9.eyJzdWIiOiIwMTk5YzBkZSJ9.c2lnbmF0dXJl
             */
            accessToken: string;
            /** @description How the access token is sent. */
            tokenType: components["schemas"]["TokenType"];
            /**
             * Format: int64
             * @description How long the access token is good, in seconds.
             * @example 900
             */
            expiresIn: number;
            /**
             * @description What gets the next access token. It is good for one use: a second one ends the session.
             * @example RcZ0mG3s1xv0J2b8cY5q4nT7uWkL9pXeVtHfDgSaQ1o.9kq3mVx0Y2nZr8sT1uWcB4gL5pXeVtHfDgSaQ1oJ7bE
             */
            refreshToken: string;
            /** @description Who signed in. */
            user: components["schemas"]["User"];
        };
        /**
         * @description The caller's own account, and the session that asks.
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
             * @description What the user is known by for good.
             * @example 0199c0de-1111-7c3d-8e1f-2a3b4c5d6e7f
             */
            id: string;
            /**
             * @description The e-mail address to sign in with, in lower case; unique. Imported authors have none.
             * @example ada@acme.test
             */
            email?: string;
            /**
             * @description The name that is shown.
             * @example Ada Turner
             */
            name: string;
            /**
             * @description What they say of themselves.
             * @example Writes about wood and contracts.
             */
            bio?: string;
            /**
             * @description The address of their own site.
             * @example https://ada.acme.test/
             */
            url?: string;
            /**
             * @description The address of a picture.
             * @example https://www.acme.test/ada.webp
             */
            avatarUrl?: string;
            /** @description What the account may do. */
            role: components["schemas"]["Role"];
            /** @description Whether the account may be used. */
            status: components["schemas"]["Status"];
            /**
             * Format: date-time
             * @description When the account was made.
             * @example 2025-11-20T09:00:00.000Z
             */
            createdAt: string;
            /**
             * Format: date-time
             * @description When it was last changed.
             * @example 2025-11-21T09:00:00.000Z
             */
            updatedAt: string;
            /**
             * Format: uuid
             * @description The session that asks; left out when an API key does.
             * @example 0199c0de-5e55-7c3d-8e1f-2a3b4c5d6e7f
             */
            session?: string;
        };
        /**
         * @description A picture that was uploaded.
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
         *       "alt": "A dovetail joint, seen from the side",
         *       "focusX": 0.5,
         *       "focusY": 0.25,
         *       "variants": [
         *         {
         *           "url": "/media/7d0f1c9a3b5e4f6081a2b3c4d5e6f708.jpg?w=640&format=webp",
         *           "width": 640,
         *           "height": 480
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
             * @description What the picture is known by.
             * @example 0199c0de-8888-7c3d-8e1f-2a3b4c5d6e7f
             */
            id: string;
            /**
             * @description Where its bytes are: an absolute path on this service, for everybody.
             * @example /media/7d0f1c9a3b5e4f6081a2b3c4d5e6f708.jpg
             */
            url: string;
            /**
             * @description The name under which it is saved.
             * @example dovetail.jpg
             */
            filename: string;
            /** @description What it is, told by its bytes. */
            type: components["schemas"]["MediaType"];
            /**
             * Format: int64
             * @description How many bytes it has as it is kept.
             * @example 48213
             */
            size: number;
            /**
             * Format: int32
             * @description Pixels from left to right.
             * @example 1600
             */
            width: number;
            /**
             * Format: int32
             * @description Pixels from top to bottom.
             * @example 1200
             */
            height: number;
            /**
             * @description The SHA-256 of the bytes as they are kept, in hexadecimal.
             * @example 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
             */
            sha256: string;
            /**
             * @description A blur to show while the picture loads (BlurHash).
             * @example LEHV6nWB2yk8pyo0adR*.7kCMdnj
             */
            blurhash: string;
            /**
             * @description What it shows, for those who do not see it.
             * @example A dovetail joint, seen from the side
             */
            alt?: string;
            /**
             * Format: double
             * @description What must stay in sight when the picture is cut, from the left (0) to the right (1).
             * @example 0.5
             */
            focusX?: number;
            /**
             * Format: double
             * @description The same from the top (0) to the bottom (1).
             * @example 0.25
             */
            focusY?: number;
            /**
             * @description The same picture in the widths that pages use, narrowest first.
             * @example [
             *       {
             *         "url": "/media/7d0f1c9a3b5e4f6081a2b3c4d5e6f708.jpg?w=640&format=webp",
             *         "width": 640,
             *         "height": 480
             *       }
             *     ]
             */
            variants: components["schemas"]["MediaVariant"][];
            /**
             * Format: uuid
             * @description Who uploaded it, while they have an account.
             * @example 0199c0de-1111-7c3d-8e1f-2a3b4c5d6e7f
             */
            uploadedBy?: string;
            /**
             * Format: date-time
             * @description When it was uploaded.
             * @example 2025-11-20T09:00:00.000Z
             */
            createdAt: string;
            /**
             * Format: date-time
             * @description When what is said of it was last changed.
             * @example 2025-11-21T09:00:00.000Z
             */
            updatedAt: string;
        };
        /**
         * @description What becomes of a picture whose sides have another ratio than those that are asked for.
         * @enum {string}
         */
        MediaFit: "cover" | "contain" | "inside";
        /**
         * @description The form of a picture's bytes.
         * @enum {string}
         */
        MediaForm: "auto" | "jpeg" | "png" | "webp" | "gif";
        /**
         * @description One page of a list.
         * @example {
         *       "data": [
         *         {
         *           "id": "0199c0de-8888-7c3d-8e1f-2a3b4c5d6e7f",
         *           "url": "/media/7d0f1c9a3b5e4f6081a2b3c4d5e6f708.jpg",
         *           "filename": "dovetail.jpg",
         *           "type": "image/jpeg",
         *           "size": 48213,
         *           "width": 1600,
         *           "height": 1200,
         *           "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
         *           "blurhash": "LEHV6nWB2yk8pyo0adR*.7kCMdnj",
         *           "alt": "A dovetail joint, seen from the side",
         *           "focusX": 0.5,
         *           "focusY": 0.25,
         *           "variants": [
         *             {
         *               "url": "/media/7d0f1c9a3b5e4f6081a2b3c4d5e6f708.jpg?w=640&format=webp",
         *               "width": 640,
         *               "height": 480
         *             }
         *           ],
         *           "uploadedBy": "0199c0de-1111-7c3d-8e1f-2a3b4c5d6e7f",
         *           "createdAt": "2025-11-20T09:00:00.000Z",
         *           "updatedAt": "2025-11-21T09:00:00.000Z"
         *         }
         *       ],
         *       "pagination": {
         *         "page": 1,
         *         "limit": 10,
         *         "total": 1,
         *         "pages": 1
         *       }
         *     }
         */
        MediaPage: {
            /**
             * @description The entries of this page, in the order asked for.
             * @example [
             *       {
             *         "id": "0199c0de-8888-7c3d-8e1f-2a3b4c5d6e7f",
             *         "url": "/media/7d0f1c9a3b5e4f6081a2b3c4d5e6f708.jpg",
             *         "filename": "dovetail.jpg",
             *         "type": "image/jpeg",
             *         "size": 48213,
             *         "width": 1600,
             *         "height": 1200,
             *         "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
             *         "blurhash": "LEHV6nWB2yk8pyo0adR*.7kCMdnj",
             *         "alt": "A dovetail joint, seen from the side",
             *         "focusX": 0.5,
             *         "focusY": 0.25,
             *         "variants": [
             *           {
             *             "url": "/media/7d0f1c9a3b5e4f6081a2b3c4d5e6f708.jpg?w=640&format=webp",
             *             "width": 640,
             *             "height": 480
             *           }
             *         ],
             *         "uploadedBy": "0199c0de-1111-7c3d-8e1f-2a3b4c5d6e7f",
             *         "createdAt": "2025-11-20T09:00:00.000Z",
             *         "updatedAt": "2025-11-21T09:00:00.000Z"
             *       }
             *     ]
             */
            data: components["schemas"]["Media"][];
            pagination: components["schemas"]["Pagination"];
        };
        /**
         * @description What shall be said of a picture: members left out stay, `null` clears.
         * @example {
         *       "filename": "joint.jpg",
         *       "alt": "A dovetail joint, seen from the side",
         *       "focusX": 0.5,
         *       "focusY": 0.25
         *     }
         */
        MediaPatch: {
            /**
             * @description The name under which it is saved; its ending is made to fit.
             * @example joint.jpg
             */
            filename?: string;
            /**
             * @description What it shows, for those who do not see it.
             * @example A dovetail joint, seen from the side
             */
            alt?: string | null;
            /**
             * Format: double
             * @description What must stay in sight when the picture is cut, from the left (0) to the right (1).
             * @example 0.5
             */
            focusX?: number | null;
            /**
             * Format: double
             * @description The same from the top (0) to the bottom (1).
             * @example 0.25
             */
            focusY?: number | null;
        };
        /**
         * @description What a picture is.
         * @enum {string}
         */
        MediaType: "image/jpeg" | "image/png" | "image/webp" | "image/gif";
        /**
         * @description A picture in another size.
         * @example {
         *       "url": "/media/7d0f1c9a3b5e4f6081a2b3c4d5e6f708.jpg?w=640&format=webp",
         *       "width": 640,
         *       "height": 480
         *     }
         */
        MediaVariant: {
            /**
             * @description Where its bytes are: an absolute path on this service.
             * @example /media/7d0f1c9a3b5e4f6081a2b3c4d5e6f708.jpg?w=640&format=webp
             */
            url: string;
            /**
             * Format: int32
             * @description Pixels from left to right.
             * @example 640
             */
            width: number;
            /**
             * Format: int32
             * @description Pixels from top to bottom.
             * @example 480
             */
            height: number;
        };
        /**
         * @description A member that differs.
         * @example {
         *       "member": "title",
         *       "before": [
         *         "A joint"
         *       ],
         *       "after": [
         *         "A joint that fits"
         *       ]
         *     }
         */
        MemberChange: {
            /**
             * @description The name of the member.
             * @example title
             */
            member: string;
            /**
             * @description What it was, as text: one value, several where it is a list, none where it was left out.
             * @example [
             *       "A joint"
             *     ]
             */
            before: string[];
            /**
             * @description What it is then.
             * @example [
             *       "A joint that fits"
             *     ]
             */
            after: string[];
        };
        /**
         * @description A key to be made.
         * @example {
         *       "name": "Site build",
         *       "scopes": [
         *         "posts:read",
         *         "tags:read"
         *       ],
         *       "expiresAt": "2026-11-21T09:00:00.000Z"
         *     }
         */
        NewApiKey: {
            /**
             * @description What its owner calls it; white space around it is dropped.
             * @example Site build
             */
            name: string;
            /**
             * @description What it may be used for.
             * @example [
             *       "posts:read",
             *       "tags:read"
             *     ]
             */
            scopes: components["schemas"]["Scope"][];
            /**
             * Format: date-time
             * @description When it ends; left out, it does not.
             * @example 2026-11-21T09:00:00.000Z
             */
            expiresAt?: string;
        };
        /**
         * @description A comment to be written.
         * @example {
         *       "content": "Does this work for a drawer as well?"
         *     }
         */
        NewComment: {
            /**
             * @description What it says, as plain text; white space around it is dropped.
             * @example Does this work for a drawer as well?
             */
            content: string;
            /**
             * Format: uuid
             * @description The comment of the same post that it answers.
             */
            parentId?: string;
        };
        /**
         * @description A customer to be written down, or as one shall be from now on.
         * @example {
         *       "name": "Evil Rabbit",
         *       "email": "evil@rabbit.acme.test",
         *       "imageUrl": "/customers/evil-rabbit.png"
         *     }
         */
        NewCustomer: {
            /**
             * @description The name that stands on invoices, on one line; spaces around it are dropped.
             * @example Evil Rabbit
             */
            name: string;
            /**
             * @description The e-mail address. Its case does not matter.
             * @example evil@rabbit.acme.test
             */
            email: string;
            /**
             * @description The address of a picture (`https://…`), or its path on the site (`/…`).
             * @example /customers/evil-rabbit.png
             */
            imageUrl?: string;
        };
        /**
         * @description An invoice to be written, in the currency of the locale, or as one shall be from now on.
         * @example {
         *       "customerId": "0199c0de-2222-7c3d-8e1f-2a3b4c5d6e7f",
         *       "amount": 15795,
         *       "status": "pending",
         *       "date": "2025-11-21"
         *     }
         */
        NewInvoice: {
            /**
             * Format: uuid
             * @description Whose invoice it is.
             * @example 0199c0de-2222-7c3d-8e1f-2a3b4c5d6e7f
             */
            customerId: string;
            /**
             * Format: int64
             * @description The amount in minor units of the locale's currency.
             * @example 15795
             */
            amount: number;
            /** @description How far it is. */
            status: components["schemas"]["InvoiceStatus"];
            /**
             * Format: date
             * @description The day on it; left out, it is today in UTC.
             * @example 2026-11-21
             */
            date?: string;
        };
        /**
         * @description A picture to be kept.
         * @example {
         *       "file": "GIF89a…",
         *       "alt": "A joint that fits"
         *     }
         */
        NewMedia: {
            /**
             * Format: binary
             * @description The picture: JPEG, PNG, WebP or GIF, of at most 5 MiB, 40 million pixels, 8,192 pixels a side and 100 frames. Its bytes say what it is, whatever its name and type say; what does not belong to the picture, such as where it was taken, is left out.
             * @example GIF89a…
             */
            file: string;
            /**
             * @description What the picture shows, for those who do not see it.
             * @example A joint that fits
             */
            alt?: string;
        };
        /**
         * @description A post to be written.
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
        NewPost: {
            /**
             * @description The heading; white space around it is dropped.
             * @example A joint that fits
             */
            title: string;
            /**
             * @description The text, in Markdown.
             * @example A tenon is the part of a joint that is *cut to fit*.
             */
            content: string;
            /**
             * @description The name of the post in addresses. Left out, it is made from the title; a taken one gets a number.
             * @example a-joint-that-fits
             */
            slug?: string;
            /**
             * @description A short text for lists.
             * @example Why every client is cut from the same contract.
             */
            excerpt?: string;
            /**
             * @description The address of a picture.
             * @example https://www.acme.test/joint.webp
             */
            coverImage?: string;
            /**
             * @description The names of its tags. Names that differ only in case or accents are one tag.
             * @default []
             * @example [
             *       "Joinery"
             *     ]
             */
            tags?: string[];
            /**
             * @description Whether everybody may read it at once.
             * @default false
             * @example true
             */
            published?: boolean;
            /**
             * Format: date-time
             * @description When everybody may read it, in the future.
             */
            publishAt?: string;
            /**
             * Format: date-time
             * @description When it is a draft again, after that.
             * @example 2100-01-01T00:00:00.000Z
             */
            unpublishAt?: string;
        };
        /**
         * @description A redirect to be written.
         * @example {
         *       "source": "/api/v1/revenues",
         *       "destination": "/api/v2/revenues/en-us",
         *       "permanent": false,
         *       "startsAt": "2025-11-20T09:00:00.000Z",
         *       "endsAt": "2029-11-22T00:00:00.000Z"
         *     }
         */
        NewRedirect: {
            /**
             * @description The paths that shall lead elsewhere: a path, `/old/*` for a path with all below it, or `*` for any part
             *     of a segment.
             * @example /api/v1/revenues
             */
            source: string;
            /**
             * @description Where they shall lead: a path of this service, or an address on its own host or one of the setting `redirect_hosts`.
             *     Each `*` stands for what the `*` of the source at the same place took, `:splat` for the last of them.
             * @example /api/v2/revenues/en-us
             */
            destination: string;
            /**
             * @description Whether that is for good (308) or for now (307).
             * @default false
             * @example false
             */
            permanent?: boolean;
            /**
             * Format: date-time
             * @description From when on; left out: from now on.
             * @example 2025-11-20T09:00:00.000Z
             */
            startsAt?: string;
            /**
             * Format: date-time
             * @description Until when; left out: for ever.
             * @example 2029-11-22T00:00:00.000Z
             */
            endsAt?: string;
        };
        /**
         * @description An account to be made.
         * @example {
         *       "email": "ada@acme.test",
         *       "name": "Ada Turner",
         *       "password": "mortise and tenon",
         *       "role": "editor"
         *     }
         */
        NewUser: {
            /**
             * @description The e-mail address to sign in with. Its case does not matter.
             * @example ada@acme.test
             */
            email: string;
            /**
             * @description The name that is shown; white space around it is dropped.
             * @example Ada Turner
             */
            name: string;
            /**
             * @description A password of any composition. Those that are guessed first are refused.
             * @example mortise and tenon
             */
            password: string;
            /** @description What the account may do; left out, it is a reader. Others only by an admin in person. */
            role?: components["schemas"]["Role"];
        };
        /**
         * @description An endpoint to be made.
         * @example {
         *       "url": "https://hooks.acme.test/tenon",
         *       "description": "Tells the warehouse what is paid.",
         *       "events": [
         *         "invoice.paid",
         *         "posts"
         *       ]
         *     }
         */
        NewWebhookEndpoint: {
            /**
             * @description Where it is called: `https://…`, at a public address, without a user or a password in it.
             * @example https://hooks.acme.test/tenon
             */
            url: string;
            /**
             * @description What it is for; spaces around it are dropped.
             * @example Tells the warehouse what is paid.
             */
            description?: string;
            /**
             * @description What it wants to know of: types of events and topics. Left out or empty: everything.
             * @default []
             * @example [
             *       "invoice.paid",
             *       "posts"
             *     ]
             */
            events?: ("comments" | "customers" | "documents" | "invoices" | "media" | "posts" | "rates" | "redirects" | "revenues" | "tags" | "users" | "comment.created" | "comment.updated" | "comment.deleted" | "customer.created" | "customer.updated" | "customer.deleted" | "document.created" | "document.updated" | "document.deleted" | "document.restored" | "invoice.created" | "invoice.updated" | "invoice.paid" | "invoice.voided" | "invoice.deleted" | "media.created" | "media.updated" | "media.deleted" | "post.created" | "post.updated" | "post.published" | "post.unpublished" | "post.deleted" | "post.restored" | "rates.updated" | "redirect.created" | "redirect.updated" | "redirects.imported" | "redirect.deleted" | "revenue.updated" | "revenue.deleted" | "tag.created" | "tag.updated" | "tag.deleted" | "user.created" | "user.updated" | "user.deleted")[];
        };
        /**
         * @description What an amount was before it was converted, and by which rate.
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
             * @example 15795
             */
            amount: number;
            /**
             * @description The currency in which it was made out.
             * @example EUR
             */
            currency: string;
            /**
             * @description What one unit of the one currency is in the other, as a decimal number.
             * @example 0.86
             */
            rate: string;
            /**
             * Format: date
             * @description The day for which the rate holds; left out for the operator's own figure.
             * @example 2026-11-21
             */
            rateDate?: string;
            /**
             * @description The host that told it; `fallback` is the operator's own figure.
             * @example open.er-api.com
             */
            rateSource: string;
            /** @description How far the rate can be trusted. */
            rateState: components["schemas"]["RateState"];
        };
        /**
         * @description Where in the list a page lies.
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
             * @description The number of this page; left out behind a cursor.
             * @example 1
             */
            page?: number;
            /**
             * Format: int32
             * @description How many entries a page has at most.
             * @example 10
             */
            limit: number;
            /**
             * Format: int64
             * @description How many entries the caller may see under these filters, if they were counted.
             * @example 11
             */
            total?: number;
            /**
             * Format: int64
             * @description How many pages that makes.
             * @example 2
             */
            pages?: number;
            /**
             * @description The value of `after` for the next page; left out on the last one.
             * @example AVsxNzYzNzE3NDAwMDAwLHsiaWQiOiIwMTk5YzBkZSJ9XbG9zZQ
             */
            nextCursor?: string;
        };
        /**
         * @description A post as a whole.
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
             * @description What the post is known by for good.
             * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
             */
            id: string;
            /**
             * @description The name of the post in addresses; unique. Former ones lead to the present one.
             * @example a-joint-that-fits
             */
            slug: string;
            /**
             * @description The heading.
             * @example A joint that fits
             */
            title: string;
            /**
             * @description The text, in Markdown.
             * @example A tenon is the part of a joint that is *cut to fit*.
             */
            content: string;
            /**
             * @description A short text for lists.
             * @example Why every client is cut from the same contract.
             */
            excerpt?: string;
            /**
             * @description The address of a picture.
             * @example https://www.acme.test/joint.webp
             */
            coverImage?: string;
            /** @description Who wrote it. */
            author: components["schemas"]["AuthorRef"];
            /**
             * @description Who wrote it together with the author.
             * @example []
             */
            coauthors: components["schemas"]["AuthorRef"][];
            /**
             * @description What it is about.
             * @example [
             *       {
             *         "slug": "joinery",
             *         "name": "Joinery"
             *       }
             *     ]
             */
            tags: components["schemas"]["TagRef"][];
            /**
             * @description Whether everybody may read it.
             * @example true
             */
            published: boolean;
            /**
             * Format: date-time
             * @description When it was published; left out in drafts.
             * @example 2025-11-21T09:30:00.000Z
             */
            publishedAt?: string;
            /**
             * Format: date-time
             * @description When everybody is going to be able to read it; shown to whoever may change it.
             */
            publishAt?: string;
            /**
             * Format: date-time
             * @description When it is going to be a draft again; shown to whoever may change it.
             * @example 2100-01-01T00:00:00.000Z
             */
            unpublishAt?: string;
            /**
             * Format: int64
             * @description How many approved comments it has.
             * @example 2
             */
            commentsCount: number;
            /**
             * Format: date-time
             * @description When it was written.
             * @example 2025-11-21T09:00:00.000Z
             */
            createdAt: string;
            /**
             * Format: date-time
             * @description When it was last changed.
             * @example 2025-11-21T09:30:00.000Z
             */
            updatedAt: string;
        };
        /**
         * @description What can be written of a post.
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
        PostContent: {
            /**
             * @description The heading.
             * @example A joint that fits
             */
            title: string;
            /**
             * @description The name of the post in addresses.
             * @example a-joint-that-fits
             */
            slug: string;
            /**
             * @description The text, in Markdown.
             * @example A tenon is the part of a joint that is *cut to fit*.
             */
            content: string;
            /**
             * @description A short text for lists.
             * @example Why every client is cut from the same contract.
             */
            excerpt?: string;
            /**
             * @description The address of a picture.
             * @example https://www.acme.test/joint.webp
             */
            coverImage?: string;
            /**
             * @description The names of its tags.
             * @example [
             *       "Joinery"
             *     ]
             */
            tags: string[];
            /**
             * @description Whether everybody could read it.
             * @example true
             */
            published: boolean;
            /**
             * Format: date-time
             * @description When it was to be published.
             */
            publishAt?: string;
            /**
             * Format: date-time
             * @description When that was to end.
             * @example 2100-01-01T00:00:00.000Z
             */
            unpublishAt?: string;
        };
        /**
         * @description What may be told in more detail.
         * @enum {string}
         */
        PostExpand: "author";
        /**
         * @description What of a post shall change: members left out stay, `null` clears.
         * @example {
         *       "title": "A joint that fits well",
         *       "content": "A tenon is the part of a joint that is *cut to fit*.",
         *       "slug": "a-joint-that-fits-well",
         *       "excerpt": "Why every client is cut from the same contract.",
         *       "coverImage": "https://www.acme.test/joint.webp",
         *       "tags": [
         *         "Joinery"
         *       ],
         *       "published": true,
         *       "unpublishAt": "2100-01-01T00:00:00.000Z"
         *     }
         */
        PostPatch: {
            /**
             * @description The heading; white space around it is dropped.
             * @example A joint that fits well
             */
            title?: string;
            /**
             * @description The text, in Markdown.
             * @example A tenon is the part of a joint that is *cut to fit*.
             */
            content?: string;
            /**
             * @description A new name of the post in addresses; the old one keeps leading to it.
             * @example a-joint-that-fits-well
             */
            slug?: string;
            /**
             * @description A short text for lists; `null` clears it.
             * @example Why every client is cut from the same contract.
             */
            excerpt?: string | null;
            /**
             * @description The address of a picture; `null` clears it.
             * @example https://www.acme.test/joint.webp
             */
            coverImage?: string | null;
            /**
             * @description The names of its tags, all of them.
             * @example [
             *       "Joinery"
             *     ]
             */
            tags?: string[];
            /**
             * @description Whether everybody may read it; `true` is now, whatever was to be later.
             * @example true
             */
            published?: boolean;
            /**
             * Format: date-time
             * @description When everybody may read it, in the future; `null` takes that back.
             */
            publishAt?: string | null;
            /**
             * Format: date-time
             * @description When it is a draft again, after that; `null` takes that back.
             * @example 2100-01-01T00:00:00.000Z
             */
            unpublishAt?: string | null;
        };
        /**
         * @description A post, by name.
         * @example {
         *       "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *       "slug": "a-joint-that-fits",
         *       "title": "A joint that fits"
         *     }
         */
        PostRef: {
            /**
             * Format: uuid
             * @description The post's id.
             * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
             */
            id: string;
            /**
             * @description The post's name in addresses.
             * @example a-joint-that-fits
             */
            slug: string;
            /**
             * @description The post's heading.
             * @example A joint that fits
             */
            title: string;
        };
        /**
         * @description A post as it shall be from now on; what is left out is as in a new post, but the slug stays.
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
        PostReplacement: {
            /**
             * @description The heading; white space around it is dropped.
             * @example A joint that fits
             */
            title: string;
            /**
             * @description The text, in Markdown.
             * @example A tenon is the part of a joint that is *cut to fit*.
             */
            content: string;
            /**
             * @description A new name of the post in addresses; the old one keeps leading to it.
             * @example a-joint-that-fits
             */
            slug?: string;
            /**
             * @description A short text for lists.
             * @example Why every client is cut from the same contract.
             */
            excerpt?: string;
            /**
             * @description The address of a picture.
             * @example https://www.acme.test/joint.webp
             */
            coverImage?: string;
            /**
             * @description The names of its tags.
             * @default []
             * @example [
             *       "Joinery"
             *     ]
             */
            tags?: string[];
            /**
             * @description Whether everybody may read it.
             * @default false
             * @example true
             */
            published?: boolean;
            /**
             * Format: date-time
             * @description When everybody may read it, in the future.
             */
            publishAt?: string;
            /**
             * Format: date-time
             * @description When it is a draft again, after that.
             * @example 2100-01-01T00:00:00.000Z
             */
            unpublishAt?: string;
        };
        /**
         * @description A revision of a post, with what was written.
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
             * @description What the revision is known by.
             * @example 0199c0de-3333-7c3d-8e1f-2a3b4c5d6e7f
             */
            id: string;
            /**
             * Format: int64
             * @description The number of the version, counted from 1.
             * @example 3
             */
            version: number;
            /** @description How it came to be. */
            change: components["schemas"]["Change"];
            /**
             * Format: uuid
             * @description The revision that it brought back, if it did.
             */
            restoredFrom?: string;
            /** @description Who wrote it; left out for what the service did by itself, and for who is no user any more. */
            by?: components["schemas"]["AuthorRef"];
            /**
             * Format: date-time
             * @description When it was written.
             * @example 2025-11-21T09:30:00.000Z
             */
            createdAt: string;
            /** @description What the post was. */
            post: components["schemas"]["PostContent"];
        };
        /**
         * @description Which posts by their state.
         * @enum {string}
         */
        PostStatus: "published" | "draft" | "any";
        /**
         * @description A post as an entry of a list. The members from `id` to `updatedAt` are always there; `fields` says
         *     which of the others come with them.
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
             * @description What the post is known by for good.
             * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
             */
            id: string;
            /**
             * @description The name of the post in addresses.
             * @example a-joint-that-fits
             */
            slug: string;
            /**
             * @description The heading.
             * @example A joint that fits
             */
            title: string;
            /** @description Who wrote it. */
            author: components["schemas"]["AuthorRef"];
            /**
             * @description Who wrote it together with the author.
             * @example []
             */
            coauthors: components["schemas"]["AuthorRef"][];
            /**
             * @description What it is about.
             * @example [
             *       {
             *         "slug": "joinery",
             *         "name": "Joinery"
             *       }
             *     ]
             */
            tags: components["schemas"]["TagRef"][];
            /**
             * @description Whether everybody may read it.
             * @example true
             */
            published: boolean;
            /**
             * Format: date-time
             * @description When it was published; left out in drafts.
             * @example 2025-11-21T09:30:00.000Z
             */
            publishedAt?: string;
            /**
             * Format: date-time
             * @description When everybody is going to be able to read it; shown to whoever may change it.
             */
            publishAt?: string;
            /**
             * Format: date-time
             * @description When it is going to be a draft again; shown to whoever may change it.
             * @example 2100-01-01T00:00:00.000Z
             */
            unpublishAt?: string;
            /**
             * Format: int64
             * @description How many approved comments it has.
             * @example 2
             */
            commentsCount: number;
            /**
             * Format: date-time
             * @description When it was written.
             * @example 2025-11-21T09:00:00.000Z
             */
            createdAt: string;
            /**
             * Format: date-time
             * @description When it was last changed.
             * @example 2025-11-21T09:30:00.000Z
             */
            updatedAt: string;
            /**
             * Format: date-time
             * @description When it was put into the trash; only there.
             */
            deletedAt?: string;
            /**
             * @description A short text for lists, if the post has one.
             * @example Why every client is cut from the same contract.
             */
            excerpt?: string;
            /**
             * @description The address of a picture, if the post has one.
             * @example https://www.acme.test/joint.webp
             */
            coverImage?: string;
            /**
             * @description The text, in Markdown; only with `fields=content`.
             * @example A tenon is the part of a joint that is *cut to fit*.
             */
            content?: string;
        };
        /**
         * @description One page of a list.
         * @example {
         *       "data": [
         *         {
         *           "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *           "slug": "a-joint-that-fits",
         *           "title": "A joint that fits",
         *           "author": {
         *             "id": "0199c0de-1111-7c3d-8e1f-2a3b4c5d6e7f",
         *             "name": "Ada Turner",
         *             "avatarUrl": "https://www.acme.test/ada.webp",
         *             "bio": "Writes about wood and contracts."
         *           },
         *           "coauthors": [],
         *           "tags": [
         *             {
         *               "slug": "joinery",
         *               "name": "Joinery"
         *             }
         *           ],
         *           "published": true,
         *           "publishedAt": "2025-11-21T09:30:00.000Z",
         *           "unpublishAt": "2100-01-01T00:00:00.000Z",
         *           "commentsCount": 2,
         *           "createdAt": "2025-11-21T09:00:00.000Z",
         *           "updatedAt": "2025-11-21T09:30:00.000Z",
         *           "excerpt": "Why every client is cut from the same contract.",
         *           "coverImage": "https://www.acme.test/joint.webp",
         *           "content": "A tenon is the part of a joint that is *cut to fit*."
         *         }
         *       ],
         *       "pagination": {
         *         "page": 1,
         *         "limit": 10,
         *         "total": 1,
         *         "pages": 1
         *       }
         *     }
         */
        PostSummaryPage: {
            /**
             * @description The entries of this page, in the order asked for.
             * @example [
             *       {
             *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
             *         "slug": "a-joint-that-fits",
             *         "title": "A joint that fits",
             *         "author": {
             *           "id": "0199c0de-1111-7c3d-8e1f-2a3b4c5d6e7f",
             *           "name": "Ada Turner",
             *           "avatarUrl": "https://www.acme.test/ada.webp",
             *           "bio": "Writes about wood and contracts."
             *         },
             *         "coauthors": [],
             *         "tags": [
             *           {
             *             "slug": "joinery",
             *             "name": "Joinery"
             *           }
             *         ],
             *         "published": true,
             *         "publishedAt": "2025-11-21T09:30:00.000Z",
             *         "unpublishAt": "2100-01-01T00:00:00.000Z",
             *         "commentsCount": 2,
             *         "createdAt": "2025-11-21T09:00:00.000Z",
             *         "updatedAt": "2025-11-21T09:30:00.000Z",
             *         "excerpt": "Why every client is cut from the same contract.",
             *         "coverImage": "https://www.acme.test/joint.webp",
             *         "content": "A tenon is the part of a joint that is *cut to fit*."
             *       }
             *     ]
             */
            data: components["schemas"]["PostSummary"][];
            pagination: components["schemas"]["Pagination"];
        };
        /**
         * @description A link that shows a draft to whoever has it, until it expires.
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
             * @description What the link is known by.
             * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
             */
            id: string;
            /**
             * @description An address on this service that answers with the draft.
             * @example /api/posts/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f?preview=AZnA3npbfD2OHyo7TF1ufw.kq3mVx0Y2nZr8sT1uWcB4g
             */
            url: string;
            /**
             * @description The token in that address.
             * @example AZnA3npbfD2OHyo7TF1ufw.kq3mVx0Y2nZr8sT1uWcB4g
             */
            token: string;
            /**
             * Format: date-time
             * @description When the link ends.
             * @example 2025-11-24T09:00:00.000Z
             */
            expiresAt: string;
        };
        /**
         * @description Who tells.
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
            /**
             * @description The kind of key.
             * @example OKP
             */
            kty: string;
            /**
             * @description The curve.
             * @example Ed25519
             */
            crv: string;
            /**
             * @description The key itself, in base64url.
             * @example 11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo
             */
            x: string;
            /**
             * @description What tokens name the key by.
             * @example kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k
             */
            kid: string;
            /**
             * @description What the key is for.
             * @example sig
             */
            use: string;
            /**
             * @description The algorithm of the signatures.
             * @example EdDSA
             */
            alg: string;
        };
        /**
         * @description What one unit of a currency is in another, and who says so.
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
            /**
             * @description The currency of which one unit is meant.
             * @example EUR
             */
            base: string;
            /**
             * @description The currency in which it is told.
             * @example EUR
             */
            currency: string;
            /**
             * @description What one unit of the one currency is in the other, as a decimal number.
             * @example 0.8612
             */
            rate: string;
            /**
             * Format: date
             * @description The day for which the rate holds; left out for the operator's own figure.
             * @example 2026-11-21
             */
            rateDate?: string;
            /**
             * @description The host that told it; `fallback` is the operator's own figure.
             * @example open.er-api.com
             */
            rateSource: string;
            /** @description How far the rate can be trusted. */
            rateState: components["schemas"]["RateState"];
            /**
             * Format: date-time
             * @description When the source told it; left out for the operator's own figure.
             * @example 2026-11-21T06:00:00.000Z
             */
            fetchedAt?: string;
        };
        /**
         * @description How far a rate can be trusted.
         * @enum {string}
         */
        RateState: "fresh" | "lastKnown" | "fallback";
        /**
         * @description What one unit of a currency is in every other that is known.
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
            /**
             * @description The currency of which one unit is meant.
             * @example EUR
             */
            base: string;
            /**
             * @description The others, by their letters.
             * @example [
             *       {
             *         "base": "USD",
             *         "currency": "EUR",
             *         "rate": "0.8612",
             *         "rateDate": "2026-11-20",
             *         "rateSource": "open.er-api.com",
             *         "rateState": "fresh",
             *         "fetchedAt": "2026-11-21T06:00:00.000Z"
             *       }
             *     ]
             */
            rates: components["schemas"]["Rate"][];
        };
        /**
         * @description A redirect as a whole.
         * @example {
         *       "id": "0199c0de-3333-7c3d-8e1f-2a3b4c5d6e7f",
         *       "source": "/api/v1/revenues",
         *       "kind": "exact",
         *       "destination": "/api/v2/revenues/en-us",
         *       "permanent": false,
         *       "startsAt": "2025-11-20T09:00:00.000Z",
         *       "endsAt": "2029-11-22T00:00:00.000Z",
         *       "createdAt": "2025-11-21T09:00:00.000Z",
         *       "updatedAt": "2025-11-21T09:00:00.000Z"
         *     }
         */
        Redirect: {
            /**
             * Format: uuid
             * @description What the rule is known by for good.
             * @example 0199c0de-3333-7c3d-8e1f-2a3b4c5d6e7f
             */
            id: string;
            /**
             * @description The paths that lead elsewhere; `*` takes a part of them.
             * @example /api/v1/revenues
             */
            source: string;
            /** @description How the source matches. */
            kind: components["schemas"]["RedirectKind"];
            /**
             * @description Where they lead. `*` and `:splat` stand for what the source took.
             * @example /api/v2/revenues/en-us
             */
            destination: string;
            /**
             * @description Whether that is for good (308) or for now (307).
             * @example false
             */
            permanent: boolean;
            /**
             * Format: date-time
             * @description From when on; left out: from the beginning.
             * @example 2025-11-20T09:00:00.000Z
             */
            startsAt?: string;
            /**
             * Format: date-time
             * @description Until when; left out: for ever.
             * @example 2029-11-22T00:00:00.000Z
             */
            endsAt?: string;
            /**
             * Format: date-time
             * @description When the rule was first written.
             * @example 2025-11-21T09:00:00.000Z
             */
            createdAt: string;
            /**
             * Format: date-time
             * @description When the rule was last changed.
             * @example 2025-11-21T09:00:00.000Z
             */
            updatedAt: string;
        };
        /**
         * @description What an import has done.
         * @example {
         *       "created": 2,
         *       "updated": 1,
         *       "unchanged": 0
         *     }
         */
        RedirectImport: {
            /**
             * Format: int64
             * @description Rules that are new.
             * @example 2
             */
            created: number;
            /**
             * Format: int64
             * @description Rules that lead elsewhere now, or at other times.
             * @example 1
             */
            updated: number;
            /**
             * Format: int64
             * @description Rules that were there like this before.
             * @example 0
             */
            unchanged: number;
        };
        /**
         * @description How the source of a rule matches.
         * @enum {string}
         */
        RedirectKind: "exact" | "prefix" | "wildcard";
        /**
         * @description Redirects by source. The name of a member is a path such as `/old/*`, or the key form `-api-v1-revenues`, which stands for the path with slashes for hyphens.
         * @example {
         *       "-api-v1-revenues": {
         *         "destination": "/api/v2/revenues/en-us",
         *         "permanent": false
         *       },
         *       "/old/*": {
         *         "destination": "/new/*",
         *         "permanent": true
         *       }
         *     }
         */
        RedirectMap: {
            [key: string]: components["schemas"]["RedirectReplacement"];
        };
        /**
         * @description What a source shall lead to from now on.
         * @example {
         *       "destination": "/api/v2/revenues/en-us",
         *       "permanent": false,
         *       "startsAt": "2025-11-20T09:00:00.000Z",
         *       "endsAt": "2029-11-22T00:00:00.000Z"
         *     }
         */
        RedirectReplacement: {
            /**
             * @description Where it shall lead: a path of this service, or an address on its own host or one of the setting `redirect_hosts`.
             * @example /api/v2/revenues/en-us
             */
            destination: string;
            /**
             * @description Whether that is for good (308) or for now (307).
             * @default false
             * @example false
             */
            permanent?: boolean;
            /**
             * Format: date-time
             * @description From when on; left out: from now on.
             * @example 2025-11-20T09:00:00.000Z
             */
            startsAt?: string;
            /**
             * Format: date-time
             * @description Until when; left out: for ever.
             * @example 2029-11-22T00:00:00.000Z
             */
            endsAt?: string;
        };
        /**
         * @description A redirect in a list.
         * @example {
         *       "id": "0199c0de-3333-7c3d-8e1f-2a3b4c5d6e7f",
         *       "source": "/api/v1/revenues",
         *       "kind": "exact",
         *       "destination": "/api/v2/revenues/en-us",
         *       "permanent": false,
         *       "startsAt": "2025-11-20T09:00:00.000Z",
         *       "endsAt": "2029-11-22T00:00:00.000Z",
         *       "hits": 42,
         *       "updatedAt": "2025-11-21T09:00:00.000Z"
         *     }
         */
        RedirectSummary: {
            /**
             * Format: uuid
             * @description What the rule is known by for good.
             * @example 0199c0de-3333-7c3d-8e1f-2a3b4c5d6e7f
             */
            id: string;
            /**
             * @description The paths that lead elsewhere.
             * @example /api/v1/revenues
             */
            source: string;
            /** @description How the source matches. */
            kind: components["schemas"]["RedirectKind"];
            /**
             * @description Where they lead.
             * @example /api/v2/revenues/en-us
             */
            destination: string;
            /**
             * @description Whether that is for good (308) or for now (307).
             * @example false
             */
            permanent: boolean;
            /**
             * Format: date-time
             * @description From when on.
             * @example 2025-11-20T09:00:00.000Z
             */
            startsAt?: string;
            /**
             * Format: date-time
             * @description Until when.
             * @example 2029-11-22T00:00:00.000Z
             */
            endsAt?: string;
            /**
             * Format: int64
             * @description How often it was followed; some seconds behind.
             * @example 42
             */
            hits: number;
            /**
             * Format: date-time
             * @description When the rule was last changed.
             * @example 2025-11-21T09:00:00.000Z
             */
            updatedAt: string;
        };
        /**
         * @description One page of a list.
         * @example {
         *       "data": [
         *         {
         *           "id": "0199c0de-3333-7c3d-8e1f-2a3b4c5d6e7f",
         *           "source": "/api/v1/revenues",
         *           "kind": "exact",
         *           "destination": "/api/v2/revenues/en-us",
         *           "permanent": false,
         *           "startsAt": "2025-11-20T09:00:00.000Z",
         *           "endsAt": "2029-11-22T00:00:00.000Z",
         *           "hits": 42,
         *           "updatedAt": "2025-11-21T09:00:00.000Z"
         *         }
         *       ],
         *       "pagination": {
         *         "page": 1,
         *         "limit": 10,
         *         "total": 1,
         *         "pages": 1
         *       }
         *     }
         */
        RedirectSummaryPage: {
            /**
             * @description The entries of this page, in the order asked for.
             * @example [
             *       {
             *         "id": "0199c0de-3333-7c3d-8e1f-2a3b4c5d6e7f",
             *         "source": "/api/v1/revenues",
             *         "kind": "exact",
             *         "destination": "/api/v2/revenues/en-us",
             *         "permanent": false,
             *         "startsAt": "2025-11-20T09:00:00.000Z",
             *         "endsAt": "2029-11-22T00:00:00.000Z",
             *         "hits": 42,
             *         "updatedAt": "2025-11-21T09:00:00.000Z"
             *       }
             *     ]
             */
            data: components["schemas"]["RedirectSummary"][];
            pagination: components["schemas"]["Pagination"];
        };
        /**
         * @description What proves a session that goes on.
         * @example {
         *       "refreshToken": "RcZ0mG3s1xv0J2b8cY5q4nT7uWkL9pXeVtHfDgSaQ1o.9kq3mVx0Y2nZr8sT1uWcB4gL5pXeVtHfDgSaQ1oJ7bE"
         *     }
         */
        Refresh: {
            /**
             * @description The refresh token that the last answer gave; it is good for one use.
             * @example RcZ0mG3s1xv0J2b8cY5q4nT7uWkL9pXeVtHfDgSaQ1o.9kq3mVx0Y2nZr8sT1uWcB4gL5pXeVtHfDgSaQ1oJ7bE
             */
            refreshToken: string;
        };
        /**
         * @description What a month brought in, in the currency of the locale.
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
            /**
             * @description The month.
             * @example 2026-11
             */
            month: string;
            /**
             * Format: int64
             * @description The amount in minor units of `currency`.
             * @example 13584
             */
            amount: number;
            /**
             * @description The currency of the locale.
             * @example EUR
             */
            currency: string;
            /** @description Where the amount comes from. */
            source: components["schemas"]["RevenueSource"];
            /**
             * @description What is in it of other currencies, converted for this answer.
             * @example [
             *       {
             *         "amount": 15795,
             *         "currency": "USD",
             *         "rate": "0.86",
             *         "rateDate": "2025-11-21",
             *         "rateSource": "open.er-api.com",
             *         "rateState": "fresh"
             *       }
             *     ]
             */
            originals: components["schemas"]["Original"][];
        };
        /**
         * @description What the books say that a month brought in, in the currency of the locale.
         * @example {
         *       "amount": 13584
         *     }
         */
        RevenueFigure: {
            /**
             * Format: int64
             * @description The amount in minor units of the locale's currency.
             * @example 13584
             */
            amount: number;
        };
        /**
         * @description One page of a list.
         * @example {
         *       "data": [
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
         *       "pagination": {
         *         "page": 1,
         *         "limit": 10,
         *         "total": 1,
         *         "pages": 1
         *       }
         *     }
         */
        RevenuePage: {
            /**
             * @description The entries of this page, in the order asked for.
             * @example [
             *       {
             *         "month": "2025-11",
             *         "amount": 13584,
             *         "currency": "EUR",
             *         "source": "invoices",
             *         "originals": [
             *           {
             *             "amount": 15795,
             *             "currency": "USD",
             *             "rate": "0.86",
             *             "rateDate": "2025-11-21",
             *             "rateSource": "open.er-api.com",
             *             "rateState": "fresh"
             *           }
             *         ]
             *       }
             *     ]
             */
            data: components["schemas"]["Revenue"][];
            pagination: components["schemas"]["Pagination"];
        };
        /**
         * @description Where a month's amount comes from.
         * @enum {string}
         */
        RevenueSource: "invoices" | "imported";
        /**
         * @description One version of something: when it came to be, how, and by whom.
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
             * @description What the revision is known by.
             * @example 0199c0de-3333-7c3d-8e1f-2a3b4c5d6e7f
             */
            id: string;
            /**
             * Format: int64
             * @description The number of the version, counted from 1.
             * @example 3
             */
            version: number;
            /** @description How it came to be. */
            change: components["schemas"]["Change"];
            /**
             * Format: uuid
             * @description The revision that it brought back, if it did.
             */
            restoredFrom?: string;
            /** @description Who wrote it; left out for what the service did by itself, and for who is no user any more. */
            by?: components["schemas"]["AuthorRef"];
            /**
             * Format: date-time
             * @description When it was written.
             * @example 2025-11-21T09:30:00.000Z
             */
            createdAt: string;
        };
        /**
         * @description What lies between two revisions.
         * @example {
         *       "revision": "0199c0de-3333-7c3d-8e1f-2a3b4c5d6e7f",
         *       "against": "0199c0de-3332-7c3d-8e1f-2a3b4c5d6e7f",
         *       "members": [
         *         {
         *           "member": "title",
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
             * @description The revision that is looked at.
             * @example 0199c0de-3333-7c3d-8e1f-2a3b4c5d6e7f
             */
            revision: string;
            /**
             * Format: uuid
             * @description The revision that it is held against; left out if there is none before it: then all of it is new.
             * @example 0199c0de-3332-7c3d-8e1f-2a3b4c5d6e7f
             */
            against?: string;
            /**
             * @description The other members that differ.
             * @example [
             *       {
             *         "member": "title",
             *         "before": [
             *           "A joint"
             *         ],
             *         "after": [
             *           "A joint that fits"
             *         ]
             *       }
             *     ]
             */
            members: components["schemas"]["MemberChange"][];
            /**
             * @description How the text differs, line by line, as hunks of a unified diff with three lines around each; left out if
             *     it is the same.
             * @example @@ -1 +1 @@
             *     -Cut it.
             *     +Cut it to fit.
             */
            content?: string;
            /**
             * Format: int64
             * @description How many lines of the text are new.
             * @example 1
             */
            linesAdded: number;
            /**
             * Format: int64
             * @description How many lines of the text are gone.
             * @example 1
             */
            linesRemoved: number;
        };
        /**
         * @description One page of a list.
         * @example {
         *       "data": [
         *         {
         *           "id": "0199c0de-3333-7c3d-8e1f-2a3b4c5d6e7f",
         *           "version": 3,
         *           "change": "changed",
         *           "by": {
         *             "id": "0199c0de-1111-7c3d-8e1f-2a3b4c5d6e7f",
         *             "name": "Ada Turner",
         *             "avatarUrl": "https://www.acme.test/ada.webp"
         *           },
         *           "createdAt": "2025-11-21T09:30:00.000Z"
         *         }
         *       ],
         *       "pagination": {
         *         "page": 1,
         *         "limit": 10,
         *         "total": 1,
         *         "pages": 1
         *       }
         *     }
         */
        RevisionPage: {
            /**
             * @description The entries of this page, in the order asked for.
             * @example [
             *       {
             *         "id": "0199c0de-3333-7c3d-8e1f-2a3b4c5d6e7f",
             *         "version": 3,
             *         "change": "changed",
             *         "by": {
             *           "id": "0199c0de-1111-7c3d-8e1f-2a3b4c5d6e7f",
             *           "name": "Ada Turner",
             *           "avatarUrl": "https://www.acme.test/ada.webp"
             *         },
             *         "createdAt": "2025-11-21T09:30:00.000Z"
             *       }
             *     ]
             */
            data: components["schemas"]["Revision"][];
            pagination: components["schemas"]["Pagination"];
        };
        /**
         * @description What an account may do.
         * @enum {string}
         */
        Role: "reader" | "author" | "editor" | "accountant" | "admin";
        /**
         * @description What a key may be used for, as far as its owner may.
         * @enum {string}
         */
        Scope: "authors:read" | "comments:read" | "comments:write" | "customers:read" | "customers:write" | "dashboard:read" | "docs:read" | "docs:write" | "events:read" | "invoices:read" | "invoices:write" | "jobs:read" | "jobs:write" | "media:read" | "media:write" | "me:read" | "posts:read" | "posts:write" | "rates:read" | "redirects:read" | "redirects:write" | "revenues:read" | "revenues:write" | "tags:read" | "tags:write" | "users:read" | "users:write" | "webhook-deliveries:read" | "webhook-deliveries:write" | "webhook-endpoints:read" | "webhook-endpoints:write" | "webhook-events:read" | "webhook-events:write";
        /**
         * @description A client that is signed in.
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
             * @description What the session is known by.
             * @example 0199c0de-5e55-7c3d-8e1f-2a3b4c5d6e7f
             */
            id: string;
            /**
             * @description What the client called itself when it signed in.
             * @example Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0
             */
            userAgent?: string;
            /**
             * @description The network address that it signed in from.
             * @example 192.0.2.7
             */
            address?: string;
            /**
             * Format: date-time
             * @description When it signed in.
             * @example 2025-11-21T09:00:00.000Z
             */
            createdAt: string;
            /**
             * Format: date-time
             * @description When it was last used, within a minute.
             * @example 2025-11-21T09:30:00.000Z
             */
            lastUsedAt: string;
            /**
             * Format: date-time
             * @description When it ends, however busy it is; without use it ends seven days after the last one.
             * @example 2025-12-21T09:00:00.000Z
             */
            expiresAt: string;
            /**
             * @description Whether it is the session that asks.
             * @example true
             */
            current: boolean;
        };
        /**
         * @description One page of a list.
         * @example {
         *       "data": [
         *         {
         *           "id": "0199c0de-5e55-7c3d-8e1f-2a3b4c5d6e7f",
         *           "userAgent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
         *           "address": "192.0.2.7",
         *           "createdAt": "2025-11-21T09:00:00.000Z",
         *           "lastUsedAt": "2025-11-21T09:30:00.000Z",
         *           "expiresAt": "2025-12-21T09:00:00.000Z",
         *           "current": true
         *         }
         *       ],
         *       "pagination": {
         *         "page": 1,
         *         "limit": 10,
         *         "total": 1,
         *         "pages": 1
         *       }
         *     }
         */
        SessionPage: {
            /**
             * @description The entries of this page, in the order asked for.
             * @example [
             *       {
             *         "id": "0199c0de-5e55-7c3d-8e1f-2a3b4c5d6e7f",
             *         "userAgent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
             *         "address": "192.0.2.7",
             *         "createdAt": "2025-11-21T09:00:00.000Z",
             *         "lastUsedAt": "2025-11-21T09:30:00.000Z",
             *         "expiresAt": "2025-12-21T09:00:00.000Z",
             *         "current": true
             *       }
             *     ]
             */
            data: components["schemas"]["Session"][];
            pagination: components["schemas"]["Pagination"];
        };
        /**
         * @description Whether an account may be used.
         * @enum {string}
         */
        Status: "active" | "disabled";
        /**
         * @description How the service and its parts are.
         * @example {
         *       "status": "ok",
         *       "database": "ok",
         *       "rates": "ok"
         *     }
         */
        Summary: {
            /** @description The worst of the parts. */
            status: components["schemas"]["Condition"];
            /** @description Whether the database answers and has the present schema. */
            database: components["schemas"]["Condition"];
            /** @description Whether the source of rates answered when it was asked last; left out when there is none. */
            rates?: components["schemas"]["Condition"];
        };
        /**
         * @description A tag as a whole.
         * @example {
         *       "slug": "joinery",
         *       "name": "Joinery",
         *       "description": "Wood that holds without nails.",
         *       "postsCount": 1,
         *       "updatedAt": "2025-11-21T09:30:00.000Z"
         *     }
         */
        Tag: {
            /**
             * @description What the tag is known by in filters and addresses.
             * @example joinery
             */
            slug: string;
            /**
             * @description What people read.
             * @example Joinery
             */
            name: string;
            /**
             * @description What the tag is for, if somebody wrote it down.
             * @example Wood that holds without nails.
             */
            description?: string;
            /**
             * Format: int64
             * @description How many published posts have it.
             * @example 1
             */
            postsCount: number;
            /**
             * Format: date-time
             * @description When the tag itself was last changed.
             * @example 2025-11-21T09:30:00.000Z
             */
            updatedAt: string;
        };
        /**
         * @description One page of a list.
         * @example {
         *       "data": [
         *         {
         *           "slug": "joinery",
         *           "name": "Joinery",
         *           "description": "Wood that holds without nails.",
         *           "postsCount": 1,
         *           "updatedAt": "2025-11-21T09:30:00.000Z"
         *         }
         *       ],
         *       "pagination": {
         *         "page": 1,
         *         "limit": 10,
         *         "total": 1,
         *         "pages": 1
         *       }
         *     }
         */
        TagPage: {
            /**
             * @description The entries of this page, in the order asked for.
             * @example [
             *       {
             *         "slug": "joinery",
             *         "name": "Joinery",
             *         "description": "Wood that holds without nails.",
             *         "postsCount": 1,
             *         "updatedAt": "2025-11-21T09:30:00.000Z"
             *       }
             *     ]
             */
            data: components["schemas"]["Tag"][];
            pagination: components["schemas"]["Pagination"];
        };
        /**
         * @description What of a tag shall change: members left out stay, `null` clears.
         * @example {
         *       "name": "Fine joinery",
         *       "slug": "fine-joinery",
         *       "description": "Wood that holds without nails."
         *     }
         */
        TagPatch: {
            /**
             * @description What people read; white space around it is dropped.
             * @example Fine joinery
             */
            name?: string;
            /**
             * @description A new name in filters and addresses.
             * @example fine-joinery
             */
            slug?: string;
            /**
             * @description What the tag is for; `null` clears it.
             * @example Wood that holds without nails.
             */
            description?: string | null;
        };
        /**
         * @description A tag, by name.
         * @example {
         *       "slug": "joinery",
         *       "name": "Joinery"
         *     }
         */
        TagRef: {
            /**
             * @description What the tag is known by in filters.
             * @example joinery
             */
            slug: string;
            /**
             * @description What people read.
             * @example Joinery
             */
            name: string;
        };
        /**
         * @description A tag as it shall be from now on.
         * @example {
         *       "name": "Joinery",
         *       "description": "Wood that holds without nails."
         *     }
         */
        TagReplacement: {
            /**
             * @description What people read; white space around it is dropped.
             * @example Joinery
             */
            name: string;
            /**
             * @description What the tag is for.
             * @example Wood that holds without nails.
             */
            description?: string;
        };
        /**
         * @description Orders of tags.
         * @enum {string}
         */
        TagSort: "slug" | "-slug" | "-postsCount";
        /**
         * @description How a token is sent.
         * @enum {string}
         */
        TokenType: "Bearer";
        /**
         * @description What events are about.
         * @enum {string}
         */
        Topic: "comments" | "customers" | "documents" | "invoices" | "media" | "posts" | "rates" | "redirects" | "revenues" | "tags" | "users";
        /**
         * @description An account, as its owner and those who run the service see it.
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
             * @description What the user is known by for good.
             * @example 0199c0de-1111-7c3d-8e1f-2a3b4c5d6e7f
             */
            id: string;
            /**
             * @description The e-mail address to sign in with, in lower case; unique. Imported authors have none.
             * @example ada@acme.test
             */
            email?: string;
            /**
             * @description The name that is shown.
             * @example Ada Turner
             */
            name: string;
            /**
             * @description What they say of themselves.
             * @example Writes about wood and contracts.
             */
            bio?: string;
            /**
             * @description The address of their own site.
             * @example https://ada.acme.test/
             */
            url?: string;
            /**
             * @description The address of a picture.
             * @example https://www.acme.test/ada.webp
             */
            avatarUrl?: string;
            /** @description What the account may do. */
            role: components["schemas"]["Role"];
            /** @description Whether the account may be used. */
            status: components["schemas"]["Status"];
            /**
             * Format: date-time
             * @description When the account was made.
             * @example 2025-11-20T09:00:00.000Z
             */
            createdAt: string;
            /**
             * Format: date-time
             * @description When it was last changed.
             * @example 2025-11-21T09:00:00.000Z
             */
            updatedAt: string;
        };
        /**
         * @description One page of a list.
         * @example {
         *       "data": [
         *         {
         *           "id": "0199c0de-1111-7c3d-8e1f-2a3b4c5d6e7f",
         *           "email": "ada@acme.test",
         *           "name": "Ada Turner",
         *           "bio": "Writes about wood and contracts.",
         *           "url": "https://ada.acme.test/",
         *           "avatarUrl": "https://www.acme.test/ada.webp",
         *           "role": "editor",
         *           "status": "active",
         *           "createdAt": "2025-11-20T09:00:00.000Z",
         *           "updatedAt": "2025-11-21T09:00:00.000Z"
         *         }
         *       ],
         *       "pagination": {
         *         "page": 1,
         *         "limit": 10,
         *         "total": 1,
         *         "pages": 1
         *       }
         *     }
         */
        UserPage: {
            /**
             * @description The entries of this page, in the order asked for.
             * @example [
             *       {
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
             *     ]
             */
            data: components["schemas"]["User"][];
            pagination: components["schemas"]["Pagination"];
        };
        /**
         * @description What of an account shall change: members left out stay, `null` clears.
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
             * @description The name that is shown; white space around it is dropped.
             * @example Ada M. Turner
             */
            name?: string;
            /**
             * @description What they say of themselves; `null` clears it.
             * @example Writes about wood and contracts.
             */
            bio?: string | null;
            /**
             * @description The address of their own site; `null` clears it.
             * @example https://ada.acme.test/
             */
            url?: string | null;
            /**
             * @description The address of a picture; `null` clears it.
             * @example https://www.acme.test/ada.webp
             */
            avatarUrl?: string | null;
            /**
             * @description The e-mail address to sign in with. Only admins change it.
             * @example ada@acme.test
             */
            email?: string;
            /** @description What the account may do. Only admins change it; all other sessions of the account end. */
            role?: components["schemas"]["Role"];
            /** @description Whether the account may be used. Only admins change it; disabling ends the account's sessions. */
            status?: components["schemas"]["Status"];
            /**
             * @description A new password; all other sessions of the account end.
             * @example dovetail and biscuit
             */
            password?: string;
            /**
             * @description The present password, without which nobody changes their own.
             * @example mortise and tenon
             */
            currentPassword?: string;
        };
        /**
         * @description An event on its way to an endpoint.
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
             * @description What the delivery is known by.
             * @example 0199c0de-9a9a-7c3d-8e1f-2a3b4c5d6e72
             */
            id: string;
            /**
             * Format: uuid
             * @description Where it goes.
             * @example 0199c0de-9a9a-7c3d-8e1f-2a3b4c5d6e71
             */
            endpointId: string;
            /**
             * Format: uuid
             * @description What is delivered: the same as `webhook-id`, in each attempt.
             * @example 0199c0de-8888-7c3d-8e1f-2a3b4c5d6e7f
             */
            eventId: string;
            /**
             * @description What happened; `webhook.test` in tests.
             * @example post.published
             */
            type: string;
            /**
             * @description The body, as it is signed and sent.
             * @example {"type":"post.published","timestamp":"2025-11-21T10:30:00.000Z","data":{"id":"0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f","href":"/api/posts/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f","version":3}}
             */
            payload: string;
            /** @description How far it is. */
            state: components["schemas"]["DeliveryState"];
            /**
             * Format: int32
             * @description How often it was tried since it was last asked for.
             * @example 1
             */
            attempts: number;
            /**
             * Format: int32
             * @description What the last attempt was answered with.
             * @example 204
             */
            lastStatus?: number;
            /** @description Why the last attempt failed. */
            lastError?: string;
            /** @description How the last answer began. */
            response?: string;
            /**
             * Format: date-time
             * @description When it is tried next.
             */
            nextAt?: string;
            /**
             * Format: date-time
             * @description When it was written down.
             * @example 2025-11-21T10:30:00.000Z
             */
            createdAt: string;
            /**
             * Format: date-time
             * @description When something last changed.
             * @example 2025-11-21T10:30:00.120Z
             */
            updatedAt: string;
            /**
             * Format: date-time
             * @description When it arrived.
             * @example 2025-11-21T10:30:00.120Z
             */
            deliveredAt?: string;
        };
        /**
         * @description One page of a list.
         * @example {
         *       "data": [
         *         {
         *           "id": "0199c0de-9a9a-7c3d-8e1f-2a3b4c5d6e72",
         *           "endpointId": "0199c0de-9a9a-7c3d-8e1f-2a3b4c5d6e71",
         *           "eventId": "0199c0de-8888-7c3d-8e1f-2a3b4c5d6e7f",
         *           "type": "post.published",
         *           "payload": "{\"type\":\"post.published\",\"timestamp\":\"2025-11-21T10:30:00.000Z\",\"data\":{\"id\":\"0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f\",\"href\":\"/api/posts/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f\",\"version\":3}}",
         *           "state": "delivered",
         *           "attempts": 1,
         *           "lastStatus": 204,
         *           "createdAt": "2025-11-21T10:30:00.000Z",
         *           "updatedAt": "2025-11-21T10:30:00.120Z",
         *           "deliveredAt": "2025-11-21T10:30:00.120Z"
         *         }
         *       ],
         *       "pagination": {
         *         "page": 1,
         *         "limit": 10,
         *         "total": 1,
         *         "pages": 1
         *       }
         *     }
         */
        WebhookDeliveryPage: {
            /**
             * @description The entries of this page, in the order asked for.
             * @example [
             *       {
             *         "id": "0199c0de-9a9a-7c3d-8e1f-2a3b4c5d6e72",
             *         "endpointId": "0199c0de-9a9a-7c3d-8e1f-2a3b4c5d6e71",
             *         "eventId": "0199c0de-8888-7c3d-8e1f-2a3b4c5d6e7f",
             *         "type": "post.published",
             *         "payload": "{\"type\":\"post.published\",\"timestamp\":\"2025-11-21T10:30:00.000Z\",\"data\":{\"id\":\"0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f\",\"href\":\"/api/posts/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f\",\"version\":3}}",
             *         "state": "delivered",
             *         "attempts": 1,
             *         "lastStatus": 204,
             *         "createdAt": "2025-11-21T10:30:00.000Z",
             *         "updatedAt": "2025-11-21T10:30:00.120Z",
             *         "deliveredAt": "2025-11-21T10:30:00.120Z"
             *       }
             *     ]
             */
            data: components["schemas"]["WebhookDelivery"][];
            pagination: components["schemas"]["Pagination"];
        };
        /**
         * @description A program outside that is called when something happens.
         * @example {
         *       "id": "0199c0de-9a9a-7c3d-8e1f-2a3b4c5d6e71",
         *       "url": "https://hooks.acme.test/tenon",
         *       "description": "Tells the warehouse what is paid.",
         *       "events": [
         *         "invoice.paid",
         *         "posts"
         *       ],
         *       "state": "enabled",
         *       "createdAt": "2025-11-21T10:30:00.000Z",
         *       "updatedAt": "2025-11-21T10:30:00.000Z"
         *     }
         */
        WebhookEndpoint: {
            /**
             * Format: uuid
             * @description What the endpoint is known by.
             * @example 0199c0de-9a9a-7c3d-8e1f-2a3b4c5d6e71
             */
            id: string;
            /**
             * @description Where it is called.
             * @example https://hooks.acme.test/tenon
             */
            url: string;
            /**
             * @description What it is for.
             * @example Tells the warehouse what is paid.
             */
            description?: string;
            /**
             * @description What it wants to know of: types of events and topics. Empty: everything.
             * @example [
             *       "invoice.paid",
             *       "posts"
             *     ]
             */
            events: ("comments" | "customers" | "documents" | "invoices" | "media" | "posts" | "rates" | "redirects" | "revenues" | "tags" | "users" | "comment.created" | "comment.updated" | "comment.deleted" | "customer.created" | "customer.updated" | "customer.deleted" | "document.created" | "document.updated" | "document.deleted" | "document.restored" | "invoice.created" | "invoice.updated" | "invoice.paid" | "invoice.voided" | "invoice.deleted" | "media.created" | "media.updated" | "media.deleted" | "post.created" | "post.updated" | "post.published" | "post.unpublished" | "post.deleted" | "post.restored" | "rates.updated" | "redirect.created" | "redirect.updated" | "redirects.imported" | "redirect.deleted" | "revenue.updated" | "revenue.deleted" | "tag.created" | "tag.updated" | "tag.deleted" | "user.created" | "user.updated" | "user.deleted")[];
            /** @description Whether it is called. */
            state: components["schemas"]["EndpointState"];
            /** @description Why it is not. */
            disabledReason?: components["schemas"]["DisabledReason"];
            /**
             * Format: date-time
             * @description Until when the secret before the last rotation signs too.
             */
            previousUntil?: string;
            /**
             * Format: date-time
             * @description When it was made.
             * @example 2025-11-21T10:30:00.000Z
             */
            createdAt: string;
            /**
             * Format: date-time
             * @description When it was last changed.
             * @example 2025-11-21T10:30:00.000Z
             */
            updatedAt: string;
        };
        /**
         * @description One page of a list.
         * @example {
         *       "data": [
         *         {
         *           "id": "0199c0de-9a9a-7c3d-8e1f-2a3b4c5d6e71",
         *           "url": "https://hooks.acme.test/tenon",
         *           "description": "Tells the warehouse what is paid.",
         *           "events": [
         *             "invoice.paid",
         *             "posts"
         *           ],
         *           "state": "enabled",
         *           "createdAt": "2025-11-21T10:30:00.000Z",
         *           "updatedAt": "2025-11-21T10:30:00.000Z"
         *         }
         *       ],
         *       "pagination": {
         *         "page": 1,
         *         "limit": 10,
         *         "total": 1,
         *         "pages": 1
         *       }
         *     }
         */
        WebhookEndpointPage: {
            /**
             * @description The entries of this page, in the order asked for.
             * @example [
             *       {
             *         "id": "0199c0de-9a9a-7c3d-8e1f-2a3b4c5d6e71",
             *         "url": "https://hooks.acme.test/tenon",
             *         "description": "Tells the warehouse what is paid.",
             *         "events": [
             *           "invoice.paid",
             *           "posts"
             *         ],
             *         "state": "enabled",
             *         "createdAt": "2025-11-21T10:30:00.000Z",
             *         "updatedAt": "2025-11-21T10:30:00.000Z"
             *       }
             *     ]
             */
            data: components["schemas"]["WebhookEndpoint"][];
            pagination: components["schemas"]["Pagination"];
        };
        /**
         * @description What shall change in an endpoint.
         * @example {
         *       "url": "https://hooks.acme.test/tenon",
         *       "description": null,
         *       "events": [
         *         "invoice.paid",
         *         "posts"
         *       ],
         *       "state": "enabled"
         *     }
         */
        WebhookEndpointPatch: {
            /**
             * @description Where it is called from now on, also with what waits already.
             * @example https://hooks.acme.test/tenon
             */
            url?: string;
            /**
             * @description What it is for; `null` clears it.
             * @example null
             */
            description?: string | null;
            /**
             * @description What it wants to know of from now on.
             * @example [
             *       "invoice.paid",
             *       "posts"
             *     ]
             */
            events?: ("comments" | "customers" | "documents" | "invoices" | "media" | "posts" | "rates" | "redirects" | "revenues" | "tags" | "users" | "comment.created" | "comment.updated" | "comment.deleted" | "customer.created" | "customer.updated" | "customer.deleted" | "document.created" | "document.updated" | "document.deleted" | "document.restored" | "invoice.created" | "invoice.updated" | "invoice.paid" | "invoice.voided" | "invoice.deleted" | "media.created" | "media.updated" | "media.deleted" | "post.created" | "post.updated" | "post.published" | "post.unpublished" | "post.deleted" | "post.restored" | "rates.updated" | "redirect.created" | "redirect.updated" | "redirects.imported" | "redirect.deleted" | "revenue.updated" | "revenue.deleted" | "tag.created" | "tag.updated" | "tag.deleted" | "user.created" | "user.updated" | "user.deleted")[];
            /** @description Whether it is called. What waits when it is disabled fails. */
            state?: components["schemas"]["EndpointState"];
        };
        /**
         * @description An event that a provider told, with its body.
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
         *       "body": "{\"id\":\"evt_1SVr2xGQ\",\"object\":\"event\",\"type\":\"invoice.paid\",\"data\":{\"object\":{\"id\":\"in_1SVr2wGQ\",\"metadata\":{\"invoice\":\"1\"}}}}"
         *     }
         */
        WebhookEvent: {
            /**
             * Format: uuid
             * @description What the event is known by here.
             * @example 0199c0de-4444-7c3d-8e1f-2a3b4c5d6e7f
             */
            id: string;
            /** @description Who told. */
            provider: components["schemas"]["Provider"];
            /**
             * @description What the provider calls it; sent again, it is the same event.
             * @example evt_1SVr2xGQ
             */
            providerId: string;
            /**
             * @description What it is about, in the provider's words.
             * @example invoice.paid
             */
            type: string;
            /** @description How far it is. */
            state: components["schemas"]["WebhookEventState"];
            /**
             * @description What came of it, or why nothing did.
             * @example invoice 1 is paid
             */
            outcome?: string;
            /**
             * Format: int32
             * @description How often it was tried to handle it.
             * @example 1
             */
            attempts: number;
            /**
             * Format: date-time
             * @description When it came.
             * @example 2025-11-21T09:00:00.000Z
             */
            receivedAt: string;
            /**
             * Format: date-time
             * @description When it was handled last.
             * @example 2025-11-21T09:00:00.040Z
             */
            handledAt?: string;
            /**
             * @description The body as it came: JSON, as a text.
             * @example {"id":"evt_1SVr2xGQ","object":"event","type":"invoice.paid","data":{"object":{"id":"in_1SVr2wGQ","metadata":{"invoice":"1"}}}}
             */
            body: string;
        };
        /**
         * @description How far an event is.
         * @enum {string}
         */
        WebhookEventState: "received" | "handled" | "kept" | "failed" | "ignored";
        /**
         * @description An event in a list.
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
             * @description What the event is known by here.
             * @example 0199c0de-4444-7c3d-8e1f-2a3b4c5d6e7f
             */
            id: string;
            /** @description Who told. */
            provider: components["schemas"]["Provider"];
            /**
             * @description What the provider calls it; sent again, it is the same event.
             * @example evt_1SVr2xGQ
             */
            providerId: string;
            /**
             * @description What it is about, in the provider's words.
             * @example invoice.paid
             */
            type: string;
            /** @description How far it is. */
            state: components["schemas"]["WebhookEventState"];
            /**
             * @description What came of it, or why nothing did.
             * @example invoice 1 is paid
             */
            outcome?: string;
            /**
             * Format: int32
             * @description How often it was tried to handle it.
             * @example 1
             */
            attempts: number;
            /**
             * Format: date-time
             * @description When it came.
             * @example 2025-11-21T09:00:00.000Z
             */
            receivedAt: string;
            /**
             * Format: date-time
             * @description When it was handled last.
             * @example 2025-11-21T09:00:00.040Z
             */
            handledAt?: string;
        };
        /**
         * @description One page of a list.
         * @example {
         *       "data": [
         *         {
         *           "id": "0199c0de-4444-7c3d-8e1f-2a3b4c5d6e7f",
         *           "provider": "stripe",
         *           "providerId": "evt_1SVr2xGQ",
         *           "type": "invoice.paid",
         *           "state": "handled",
         *           "outcome": "invoice 1 is paid",
         *           "attempts": 1,
         *           "receivedAt": "2025-11-21T09:00:00.000Z",
         *           "handledAt": "2025-11-21T09:00:00.040Z"
         *         }
         *       ],
         *       "pagination": {
         *         "page": 1,
         *         "limit": 10,
         *         "total": 1,
         *         "pages": 1
         *       }
         *     }
         */
        WebhookEventSummaryPage: {
            /**
             * @description The entries of this page, in the order asked for.
             * @example [
             *       {
             *         "id": "0199c0de-4444-7c3d-8e1f-2a3b4c5d6e7f",
             *         "provider": "stripe",
             *         "providerId": "evt_1SVr2xGQ",
             *         "type": "invoice.paid",
             *         "state": "handled",
             *         "outcome": "invoice 1 is paid",
             *         "attempts": 1,
             *         "receivedAt": "2025-11-21T09:00:00.000Z",
             *         "handledAt": "2025-11-21T09:00:00.040Z"
             *       }
             *     ]
             */
            data: components["schemas"]["WebhookEventSummary"][];
            pagination: components["schemas"]["Pagination"];
        };
        /**
         * @description What a provider hears back.
         * @example {
         *       "received": true
         *     }
         */
        WebhookReceipt: {
            /**
             * @description That it was received; what comes of it is seen later.
             * @example true
             */
            received: boolean;
        };
        /**
         * @description A failure (RFC 9457). Programs look at `code`; people read `detail`.
         * @example {
         *       "type": "https://api.acme.test/problems/not-found",
         *       "title": "There is nothing here",
         *       "status": 404,
         *       "code": "not-found",
         *       "detail": "The address is wrong, the resource is gone, or the caller may not know of it.",
         *       "instance": "urn:request:0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *       "trace": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *       "errors": []
         *     }
         */
        Problem: {
            /**
             * Format: uri
             * @description The kind of failure as an address, at which a page explains it.
             * @example https://api.acme.test/problems/not-found
             */
            type: string;
            /**
             * @description The same for every failure of this kind.
             * @example There is nothing here
             */
            title: string;
            /**
             * Format: int32
             * @description The status of the answer.
             * @example 404
             */
            status: number;
            code: components["schemas"]["ProblemCode"];
            /**
             * @description What happened this time, and what to do.
             * @example there is no such post
             */
            detail: string;
            /**
             * @description This very failure.
             * @example urn:request:0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
             */
            instance: string;
            /**
             * @description The id of the request, as in `X-Request-Id` and in the service's log.
             * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
             */
            trace: string;
            /**
             * @description Every violation, sorted by place; empty when no place in the request is to blame.
             * @example []
             */
            errors: components["schemas"]["ProblemEntry"][];
            /**
             * @description With 412: the ETag of the version that is there now.
             * @example "AZnA3npbfD2OHyo7TF1ufw-3"
             */
            currentEtag?: string;
        };
        /**
         * @description One violation, at one place: a pointer into the body, a parameter or a header field.
         * @example {
         *       "code": "too-long",
         *       "message": "must be at most 200 characters long, is 231",
         *       "pointer": "#/title"
         *     }
         */
        ProblemEntry: {
            code: components["schemas"]["ProblemEntryCode"];
            /**
             * @description What is wrong there and what would be right.
             * @example must be at most 200 characters long, is 231
             */
            message: string;
            /**
             * @description The place in the body as a JSON Pointer in fragment form (RFC 6901, 6).
             * @example #/title
             */
            pointer?: string;
            /**
             * @description The name of the query or path parameter, as it was sent.
             * @example limit
             */
            parameter?: string;
            /**
             * @description The name of the header field.
             * @example If-Match
             */
            header?: string;
        };
        /**
         * @description The word that names a kind of failure.
         *
         *     - `invalid`: The request is not valid
         *     - `malformed-json`: The body is not JSON
         *     - `invalid-signature`: The signature is not valid
         *     - `invalid-cursor`: The cursor does not belong to this list
         *     - `malformed-request`: The request cannot be read
         *     - `unauthenticated`: Sign in first
         *     - `invalid-token`: The credential is not valid
         *     - `wrong-password`: E-mail or password is wrong
         *     - `forbidden`: You may not do this
         *     - `insufficient-scope`: The API key may not do this
         *     - `cross-site`: A session cookie was sent from another site
         *     - `not-found`: There is nothing here
         *     - `method-not-allowed`: This method is not for this resource
         *     - `not-acceptable`: No acceptable form
         *     - `request-timeout`: The request came too slowly
         *     - `taken`: The value is taken
         *     - `conflict`: The resource is in another state
         *     - `idempotency-key-in-use`: A request with this Idempotency-Key is still running
         *     - `stale`: The resource has changed
         *     - `payload-too-large`: The body is too large
         *     - `uri-too-long`: The address is too long
         *     - `unsupported-media-type`: This media type is not taken
         *     - `range-not-satisfiable`: There are no such bytes
         *     - `idempotency-key-reused`: The Idempotency-Key was used for another request
         *     - `precondition-required`: An If-Match is required
         *     - `too-many-requests`: Too many requests
         *     - `header-fields-too-large`: The header section is too large
         *     - `internal`: The service failed
         *     - `unavailable`: The service is busy or stopping
         * @example not-found
         * @enum {string}
         */
        ProblemCode: "invalid" | "malformed-json" | "invalid-signature" | "invalid-cursor" | "malformed-request" | "unauthenticated" | "invalid-token" | "wrong-password" | "forbidden" | "insufficient-scope" | "cross-site" | "not-found" | "method-not-allowed" | "not-acceptable" | "request-timeout" | "taken" | "conflict" | "idempotency-key-in-use" | "stale" | "payload-too-large" | "uri-too-long" | "unsupported-media-type" | "range-not-satisfiable" | "idempotency-key-reused" | "precondition-required" | "too-many-requests" | "header-fields-too-large" | "internal" | "unavailable";
        /**
         * @description The rule that a place in the request breaks.
         * @example too-long
         * @enum {string}
         */
        ProblemEntryCode: "required" | "unknown" | "duplicate" | "type" | "format" | "pattern" | "too-short" | "too-long" | "too-small" | "too-large" | "too-few-items" | "too-many-items" | "not-unique" | "not-in-enum" | "encoding" | "malformed" | "too-deep" | "conflict" | "invalid";
        /**
         * @description What is sent when this happened: a comment was written.
         * @example {
         *       "type": "comment.created",
         *       "timestamp": "2025-11-21T10:30:00.000Z",
         *       "data": {
         *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "href": "/api/comments/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "version": 3
         *       }
         *     }
         */
        CommentCreatedWebhook: {
            /**
             * @description What happened.
             * @example comment.created
             * @enum {string}
             */
            type: "comment.created";
            /**
             * Format: date-time
             * @description When it happened.
             * @example 2025-11-21T10:30:00.000Z
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /**
         * @description What is sent when this happened: a comment says something else, or others can see it now.
         * @example {
         *       "type": "comment.updated",
         *       "timestamp": "2025-11-21T10:30:00.000Z",
         *       "data": {
         *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "href": "/api/comments/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "version": 3
         *       }
         *     }
         */
        CommentUpdatedWebhook: {
            /**
             * @description What happened.
             * @example comment.updated
             * @enum {string}
             */
            type: "comment.updated";
            /**
             * Format: date-time
             * @description When it happened.
             * @example 2025-11-21T10:30:00.000Z
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /**
         * @description What is sent when this happened: a comment is gone.
         * @example {
         *       "type": "comment.deleted",
         *       "timestamp": "2025-11-21T10:30:00.000Z",
         *       "data": {
         *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "href": "/api/comments/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "version": 3
         *       }
         *     }
         */
        CommentDeletedWebhook: {
            /**
             * @description What happened.
             * @example comment.deleted
             * @enum {string}
             */
            type: "comment.deleted";
            /**
             * Format: date-time
             * @description When it happened.
             * @example 2025-11-21T10:30:00.000Z
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /**
         * @description What is sent when this happened: there is a new customer.
         * @example {
         *       "type": "customer.created",
         *       "timestamp": "2025-11-21T10:30:00.000Z",
         *       "data": {
         *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "href": "/api/v2/customers/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "version": 3
         *       }
         *     }
         */
        CustomerCreatedWebhook: {
            /**
             * @description What happened.
             * @example customer.created
             * @enum {string}
             */
            type: "customer.created";
            /**
             * Format: date-time
             * @description When it happened.
             * @example 2025-11-21T10:30:00.000Z
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /**
         * @description What is sent when this happened: a customer has changed.
         * @example {
         *       "type": "customer.updated",
         *       "timestamp": "2025-11-21T10:30:00.000Z",
         *       "data": {
         *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "href": "/api/v2/customers/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "version": 3
         *       }
         *     }
         */
        CustomerUpdatedWebhook: {
            /**
             * @description What happened.
             * @example customer.updated
             * @enum {string}
             */
            type: "customer.updated";
            /**
             * Format: date-time
             * @description When it happened.
             * @example 2025-11-21T10:30:00.000Z
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /**
         * @description What is sent when this happened: a customer is gone.
         * @example {
         *       "type": "customer.deleted",
         *       "timestamp": "2025-11-21T10:30:00.000Z",
         *       "data": {
         *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "href": "/api/v2/customers/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "version": 3
         *       }
         *     }
         */
        CustomerDeletedWebhook: {
            /**
             * @description What happened.
             * @example customer.deleted
             * @enum {string}
             */
            type: "customer.deleted";
            /**
             * Format: date-time
             * @description When it happened.
             * @example 2025-11-21T10:30:00.000Z
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /**
         * @description What is sent when this happened: a document was written.
         * @example {
         *       "type": "document.created",
         *       "timestamp": "2025-11-21T10:30:00.000Z",
         *       "data": {
         *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "href": "/api/docs/guides/first-steps",
         *         "version": 3
         *       }
         *     }
         */
        DocumentCreatedWebhook: {
            /**
             * @description What happened.
             * @example document.created
             * @enum {string}
             */
            type: "document.created";
            /**
             * Format: date-time
             * @description When it happened.
             * @example 2025-11-21T10:30:00.000Z
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /**
         * @description What is sent when this happened: a document has changed.
         * @example {
         *       "type": "document.updated",
         *       "timestamp": "2025-11-21T10:30:00.000Z",
         *       "data": {
         *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "href": "/api/docs/guides/first-steps",
         *         "version": 3
         *       }
         *     }
         */
        DocumentUpdatedWebhook: {
            /**
             * @description What happened.
             * @example document.updated
             * @enum {string}
             */
            type: "document.updated";
            /**
             * Format: date-time
             * @description When it happened.
             * @example 2025-11-21T10:30:00.000Z
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /**
         * @description What is sent when this happened: a document is gone.
         * @example {
         *       "type": "document.deleted",
         *       "timestamp": "2025-11-21T10:30:00.000Z",
         *       "data": {
         *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "href": "/api/docs/guides/first-steps",
         *         "version": 3
         *       }
         *     }
         */
        DocumentDeletedWebhook: {
            /**
             * @description What happened.
             * @example document.deleted
             * @enum {string}
             */
            type: "document.deleted";
            /**
             * Format: date-time
             * @description When it happened.
             * @example 2025-11-21T10:30:00.000Z
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /**
         * @description What is sent when this happened: a document is back from the trash.
         * @example {
         *       "type": "document.restored",
         *       "timestamp": "2025-11-21T10:30:00.000Z",
         *       "data": {
         *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "href": "/api/docs/guides/first-steps",
         *         "version": 3
         *       }
         *     }
         */
        DocumentRestoredWebhook: {
            /**
             * @description What happened.
             * @example document.restored
             * @enum {string}
             */
            type: "document.restored";
            /**
             * Format: date-time
             * @description When it happened.
             * @example 2025-11-21T10:30:00.000Z
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /**
         * @description What is sent when this happened: there is a new invoice.
         * @example {
         *       "type": "invoice.created",
         *       "timestamp": "2025-11-21T10:30:00.000Z",
         *       "data": {
         *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "href": "/api/v2/invoices/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "version": 3
         *       }
         *     }
         */
        InvoiceCreatedWebhook: {
            /**
             * @description What happened.
             * @example invoice.created
             * @enum {string}
             */
            type: "invoice.created";
            /**
             * Format: date-time
             * @description When it happened.
             * @example 2025-11-21T10:30:00.000Z
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /**
         * @description What is sent when this happened: an invoice has changed, but for being paid or void.
         * @example {
         *       "type": "invoice.updated",
         *       "timestamp": "2025-11-21T10:30:00.000Z",
         *       "data": {
         *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "href": "/api/v2/invoices/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "version": 3
         *       }
         *     }
         */
        InvoiceUpdatedWebhook: {
            /**
             * @description What happened.
             * @example invoice.updated
             * @enum {string}
             */
            type: "invoice.updated";
            /**
             * Format: date-time
             * @description When it happened.
             * @example 2025-11-21T10:30:00.000Z
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /**
         * @description What is sent when this happened: an invoice is paid.
         * @example {
         *       "type": "invoice.paid",
         *       "timestamp": "2025-11-21T10:30:00.000Z",
         *       "data": {
         *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "href": "/api/v2/invoices/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "version": 3
         *       }
         *     }
         */
        InvoicePaidWebhook: {
            /**
             * @description What happened.
             * @example invoice.paid
             * @enum {string}
             */
            type: "invoice.paid";
            /**
             * Format: date-time
             * @description When it happened.
             * @example 2025-11-21T10:30:00.000Z
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /**
         * @description What is sent when this happened: an invoice is void.
         * @example {
         *       "type": "invoice.voided",
         *       "timestamp": "2025-11-21T10:30:00.000Z",
         *       "data": {
         *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "href": "/api/v2/invoices/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "version": 3
         *       }
         *     }
         */
        InvoiceVoidedWebhook: {
            /**
             * @description What happened.
             * @example invoice.voided
             * @enum {string}
             */
            type: "invoice.voided";
            /**
             * Format: date-time
             * @description When it happened.
             * @example 2025-11-21T10:30:00.000Z
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /**
         * @description What is sent when this happened: an invoice is gone.
         * @example {
         *       "type": "invoice.deleted",
         *       "timestamp": "2025-11-21T10:30:00.000Z",
         *       "data": {
         *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "href": "/api/v2/invoices/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "version": 3
         *       }
         *     }
         */
        InvoiceDeletedWebhook: {
            /**
             * @description What happened.
             * @example invoice.deleted
             * @enum {string}
             */
            type: "invoice.deleted";
            /**
             * Format: date-time
             * @description When it happened.
             * @example 2025-11-21T10:30:00.000Z
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /**
         * @description What is sent when this happened: there is a new picture.
         * @example {
         *       "type": "media.created",
         *       "timestamp": "2025-11-21T10:30:00.000Z",
         *       "data": {
         *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "href": "/api/media/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "version": 3
         *       }
         *     }
         */
        MediaCreatedWebhook: {
            /**
             * @description What happened.
             * @example media.created
             * @enum {string}
             */
            type: "media.created";
            /**
             * Format: date-time
             * @description When it happened.
             * @example 2025-11-21T10:30:00.000Z
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /**
         * @description What is sent when this happened: what is said of a picture has changed.
         * @example {
         *       "type": "media.updated",
         *       "timestamp": "2025-11-21T10:30:00.000Z",
         *       "data": {
         *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "href": "/api/media/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "version": 3
         *       }
         *     }
         */
        MediaUpdatedWebhook: {
            /**
             * @description What happened.
             * @example media.updated
             * @enum {string}
             */
            type: "media.updated";
            /**
             * Format: date-time
             * @description When it happened.
             * @example 2025-11-21T10:30:00.000Z
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /**
         * @description What is sent when this happened: a picture is gone.
         * @example {
         *       "type": "media.deleted",
         *       "timestamp": "2025-11-21T10:30:00.000Z",
         *       "data": {
         *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "href": "/api/media/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "version": 3
         *       }
         *     }
         */
        MediaDeletedWebhook: {
            /**
             * @description What happened.
             * @example media.deleted
             * @enum {string}
             */
            type: "media.deleted";
            /**
             * Format: date-time
             * @description When it happened.
             * @example 2025-11-21T10:30:00.000Z
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /**
         * @description What is sent when this happened: a draft was written.
         * @example {
         *       "type": "post.created",
         *       "timestamp": "2025-11-21T10:30:00.000Z",
         *       "data": {
         *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "href": "/api/posts/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "version": 3
         *       }
         *     }
         */
        PostCreatedWebhook: {
            /**
             * @description What happened.
             * @example post.created
             * @enum {string}
             */
            type: "post.created";
            /**
             * Format: date-time
             * @description When it happened.
             * @example 2025-11-21T10:30:00.000Z
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /**
         * @description What is sent when this happened: a post has changed.
         * @example {
         *       "type": "post.updated",
         *       "timestamp": "2025-11-21T10:30:00.000Z",
         *       "data": {
         *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "href": "/api/posts/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "version": 3
         *       }
         *     }
         */
        PostUpdatedWebhook: {
            /**
             * @description What happened.
             * @example post.updated
             * @enum {string}
             */
            type: "post.updated";
            /**
             * Format: date-time
             * @description When it happened.
             * @example 2025-11-21T10:30:00.000Z
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /**
         * @description What is sent when this happened: everybody can read a post from now on.
         * @example {
         *       "type": "post.published",
         *       "timestamp": "2025-11-21T10:30:00.000Z",
         *       "data": {
         *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "href": "/api/posts/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "version": 3
         *       }
         *     }
         */
        PostPublishedWebhook: {
            /**
             * @description What happened.
             * @example post.published
             * @enum {string}
             */
            type: "post.published";
            /**
             * Format: date-time
             * @description When it happened.
             * @example 2025-11-21T10:30:00.000Z
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /**
         * @description What is sent when this happened: a post is a draft again.
         * @example {
         *       "type": "post.unpublished",
         *       "timestamp": "2025-11-21T10:30:00.000Z",
         *       "data": {
         *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "href": "/api/posts/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "version": 3
         *       }
         *     }
         */
        PostUnpublishedWebhook: {
            /**
             * @description What happened.
             * @example post.unpublished
             * @enum {string}
             */
            type: "post.unpublished";
            /**
             * Format: date-time
             * @description When it happened.
             * @example 2025-11-21T10:30:00.000Z
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /**
         * @description What is sent when this happened: a post is gone.
         * @example {
         *       "type": "post.deleted",
         *       "timestamp": "2025-11-21T10:30:00.000Z",
         *       "data": {
         *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "href": "/api/posts/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "version": 3
         *       }
         *     }
         */
        PostDeletedWebhook: {
            /**
             * @description What happened.
             * @example post.deleted
             * @enum {string}
             */
            type: "post.deleted";
            /**
             * Format: date-time
             * @description When it happened.
             * @example 2025-11-21T10:30:00.000Z
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /**
         * @description What is sent when this happened: a post is back from the trash.
         * @example {
         *       "type": "post.restored",
         *       "timestamp": "2025-11-21T10:30:00.000Z",
         *       "data": {
         *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "href": "/api/posts/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "version": 3
         *       }
         *     }
         */
        PostRestoredWebhook: {
            /**
             * @description What happened.
             * @example post.restored
             * @enum {string}
             */
            type: "post.restored";
            /**
             * Format: date-time
             * @description When it happened.
             * @example 2025-11-21T10:30:00.000Z
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /**
         * @description What is sent when this happened: new rates were told.
         * @example {
         *       "type": "rates.updated",
         *       "timestamp": "2025-11-21T10:30:00.000Z",
         *       "data": {
         *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "href": "/api/rates/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "version": 3
         *       }
         *     }
         */
        RatesUpdatedWebhook: {
            /**
             * @description What happened.
             * @example rates.updated
             * @enum {string}
             */
            type: "rates.updated";
            /**
             * Format: date-time
             * @description When it happened.
             * @example 2025-11-21T10:30:00.000Z
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /**
         * @description What is sent when this happened: there is a new rule.
         * @example {
         *       "type": "redirect.created",
         *       "timestamp": "2025-11-21T10:30:00.000Z",
         *       "data": {
         *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "href": "/api/redirects/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "version": 3
         *       }
         *     }
         */
        RedirectCreatedWebhook: {
            /**
             * @description What happened.
             * @example redirect.created
             * @enum {string}
             */
            type: "redirect.created";
            /**
             * Format: date-time
             * @description When it happened.
             * @example 2025-11-21T10:30:00.000Z
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /**
         * @description What is sent when this happened: a rule has changed.
         * @example {
         *       "type": "redirect.updated",
         *       "timestamp": "2025-11-21T10:30:00.000Z",
         *       "data": {
         *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "href": "/api/redirects/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "version": 3
         *       }
         *     }
         */
        RedirectUpdatedWebhook: {
            /**
             * @description What happened.
             * @example redirect.updated
             * @enum {string}
             */
            type: "redirect.updated";
            /**
             * Format: date-time
             * @description When it happened.
             * @example 2025-11-21T10:30:00.000Z
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /**
         * @description What is sent when this happened: many rules were written at once.
         * @example {
         *       "type": "redirects.imported",
         *       "timestamp": "2025-11-21T10:30:00.000Z",
         *       "data": {
         *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "href": "/api/redirects/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "version": 3
         *       }
         *     }
         */
        RedirectsImportedWebhook: {
            /**
             * @description What happened.
             * @example redirects.imported
             * @enum {string}
             */
            type: "redirects.imported";
            /**
             * Format: date-time
             * @description When it happened.
             * @example 2025-11-21T10:30:00.000Z
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /**
         * @description What is sent when this happened: a rule is gone.
         * @example {
         *       "type": "redirect.deleted",
         *       "timestamp": "2025-11-21T10:30:00.000Z",
         *       "data": {
         *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "href": "/api/redirects/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "version": 3
         *       }
         *     }
         */
        RedirectDeletedWebhook: {
            /**
             * @description What happened.
             * @example redirect.deleted
             * @enum {string}
             */
            type: "redirect.deleted";
            /**
             * Format: date-time
             * @description When it happened.
             * @example 2025-11-21T10:30:00.000Z
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /**
         * @description What is sent when this happened: what a month brought in was written.
         * @example {
         *       "type": "revenue.updated",
         *       "timestamp": "2025-11-21T10:30:00.000Z",
         *       "data": {
         *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "href": "/api/revenues/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "version": 3
         *       }
         *     }
         */
        RevenueUpdatedWebhook: {
            /**
             * @description What happened.
             * @example revenue.updated
             * @enum {string}
             */
            type: "revenue.updated";
            /**
             * Format: date-time
             * @description When it happened.
             * @example 2025-11-21T10:30:00.000Z
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /**
         * @description What is sent when this happened: what was written of a month is gone.
         * @example {
         *       "type": "revenue.deleted",
         *       "timestamp": "2025-11-21T10:30:00.000Z",
         *       "data": {
         *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "href": "/api/revenues/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "version": 3
         *       }
         *     }
         */
        RevenueDeletedWebhook: {
            /**
             * @description What happened.
             * @example revenue.deleted
             * @enum {string}
             */
            type: "revenue.deleted";
            /**
             * Format: date-time
             * @description When it happened.
             * @example 2025-11-21T10:30:00.000Z
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /**
         * @description What is sent when this happened: a tag is new.
         * @example {
         *       "type": "tag.created",
         *       "timestamp": "2025-11-21T10:30:00.000Z",
         *       "data": {
         *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "href": "/api/tags/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "version": 3
         *       }
         *     }
         */
        TagCreatedWebhook: {
            /**
             * @description What happened.
             * @example tag.created
             * @enum {string}
             */
            type: "tag.created";
            /**
             * Format: date-time
             * @description When it happened.
             * @example 2025-11-21T10:30:00.000Z
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /**
         * @description What is sent when this happened: a tag has changed.
         * @example {
         *       "type": "tag.updated",
         *       "timestamp": "2025-11-21T10:30:00.000Z",
         *       "data": {
         *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "href": "/api/tags/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "version": 3
         *       }
         *     }
         */
        TagUpdatedWebhook: {
            /**
             * @description What happened.
             * @example tag.updated
             * @enum {string}
             */
            type: "tag.updated";
            /**
             * Format: date-time
             * @description When it happened.
             * @example 2025-11-21T10:30:00.000Z
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /**
         * @description What is sent when this happened: a tag is gone.
         * @example {
         *       "type": "tag.deleted",
         *       "timestamp": "2025-11-21T10:30:00.000Z",
         *       "data": {
         *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "href": "/api/tags/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "version": 3
         *       }
         *     }
         */
        TagDeletedWebhook: {
            /**
             * @description What happened.
             * @example tag.deleted
             * @enum {string}
             */
            type: "tag.deleted";
            /**
             * Format: date-time
             * @description When it happened.
             * @example 2025-11-21T10:30:00.000Z
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /**
         * @description What is sent when this happened: there is a new account.
         * @example {
         *       "type": "user.created",
         *       "timestamp": "2025-11-21T10:30:00.000Z",
         *       "data": {
         *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "href": "/api/users/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "version": 3
         *       }
         *     }
         */
        UserCreatedWebhook: {
            /**
             * @description What happened.
             * @example user.created
             * @enum {string}
             */
            type: "user.created";
            /**
             * Format: date-time
             * @description When it happened.
             * @example 2025-11-21T10:30:00.000Z
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /**
         * @description What is sent when this happened: an account has changed.
         * @example {
         *       "type": "user.updated",
         *       "timestamp": "2025-11-21T10:30:00.000Z",
         *       "data": {
         *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "href": "/api/users/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "version": 3
         *       }
         *     }
         */
        UserUpdatedWebhook: {
            /**
             * @description What happened.
             * @example user.updated
             * @enum {string}
             */
            type: "user.updated";
            /**
             * Format: date-time
             * @description When it happened.
             * @example 2025-11-21T10:30:00.000Z
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
        /**
         * @description What is sent when this happened: an account is gone.
         * @example {
         *       "type": "user.deleted",
         *       "timestamp": "2025-11-21T10:30:00.000Z",
         *       "data": {
         *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "href": "/api/users/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
         *         "version": 3
         *       }
         *     }
         */
        UserDeletedWebhook: {
            /**
             * @description What happened.
             * @example user.deleted
             * @enum {string}
             */
            type: "user.deleted";
            /**
             * Format: date-time
             * @description When it happened.
             * @example 2025-11-21T10:30:00.000Z
             */
            timestamp: string;
            data: components["schemas"]["EventData"];
        };
    };
    responses: {
        /** @description The request is not valid; or: The body is not JSON; or: The signature is not valid; or: The cursor does not belong to this list; or: The request cannot be read */
        BadRequestDeprecated: {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                "X-Request-Id": components["headers"]["X-Request-Id"];
                Vary: components["headers"]["Vary"];
                "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                Deprecation: components["headers"]["Deprecation"];
                Sunset: components["headers"]["Sunset"];
                Link: components["headers"]["Link.deprecated"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The request is not valid; or: The body is not JSON; or: The signature is not valid; or: The cursor does not belong to this list; or: The request cannot be read */
        BadRequest: {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                "X-Request-Id": components["headers"]["X-Request-Id"];
                Vary: components["headers"]["Vary"];
                "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Sign in first; or: The credential is not valid; or: E-mail or password is wrong */
        UnauthorizedDeprecated: {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                "WWW-Authenticate": components["headers"]["WWW-Authenticate"];
                "Set-Cookie": components["headers"]["Set-Cookie"];
                "X-Request-Id": components["headers"]["X-Request-Id"];
                Vary: components["headers"]["Vary"];
                "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                Deprecation: components["headers"]["Deprecation"];
                Sunset: components["headers"]["Sunset"];
                Link: components["headers"]["Link.deprecated"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Sign in first; or: The credential is not valid; or: E-mail or password is wrong */
        Unauthorized: {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                "WWW-Authenticate": components["headers"]["WWW-Authenticate"];
                "Set-Cookie": components["headers"]["Set-Cookie"];
                "X-Request-Id": components["headers"]["X-Request-Id"];
                Vary: components["headers"]["Vary"];
                "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description You may not do this; or: The API key may not do this; or: A session cookie was sent from another site */
        ForbiddenDeprecated: {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                "WWW-Authenticate": components["headers"]["WWW-Authenticate.optional"];
                "X-Request-Id": components["headers"]["X-Request-Id"];
                Vary: components["headers"]["Vary"];
                "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                Deprecation: components["headers"]["Deprecation"];
                Sunset: components["headers"]["Sunset"];
                Link: components["headers"]["Link.deprecated"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description You may not do this; or: The API key may not do this; or: A session cookie was sent from another site */
        Forbidden: {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                "WWW-Authenticate": components["headers"]["WWW-Authenticate.optional"];
                "X-Request-Id": components["headers"]["X-Request-Id"];
                Vary: components["headers"]["Vary"];
                "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description There is nothing here */
        NotFound: {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                "X-Request-Id": components["headers"]["X-Request-Id"];
                Vary: components["headers"]["Vary"];
                "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description No acceptable form */
        NotAcceptableDeprecated: {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                "X-Request-Id": components["headers"]["X-Request-Id"];
                Vary: components["headers"]["Vary"];
                "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                Deprecation: components["headers"]["Deprecation"];
                Sunset: components["headers"]["Sunset"];
                Link: components["headers"]["Link.deprecated"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description No acceptable form */
        NotAcceptable: {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                "X-Request-Id": components["headers"]["X-Request-Id"];
                Vary: components["headers"]["Vary"];
                "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The request came too slowly */
        RequestTimeout: {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                "X-Request-Id": components["headers"]["X-Request-Id"];
                Vary: components["headers"]["Vary"];
                "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The value is taken; or: The resource is in another state; or: A request with this Idempotency-Key is still running */
        Conflict: {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                "Retry-After": components["headers"]["Retry-After.optional"];
                "X-Request-Id": components["headers"]["X-Request-Id"];
                Vary: components["headers"]["Vary"];
                "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The resource has changed */
        PreconditionFailed: {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                "X-Request-Id": components["headers"]["X-Request-Id"];
                Vary: components["headers"]["Vary"];
                "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The body is too large */
        PayloadTooLarge: {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                "X-Request-Id": components["headers"]["X-Request-Id"];
                Vary: components["headers"]["Vary"];
                "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description This media type is not taken */
        UnsupportedMediaType: {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                Accept: components["headers"]["Accept"];
                "X-Request-Id": components["headers"]["X-Request-Id"];
                Vary: components["headers"]["Vary"];
                "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description There are no such bytes */
        RangeNotSatisfiable: {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                "Content-Range": components["headers"]["Content-Range"];
                "X-Request-Id": components["headers"]["X-Request-Id"];
                Vary: components["headers"]["Vary"];
                "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The Idempotency-Key was used for another request */
        UnprocessableEntity: {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                "X-Request-Id": components["headers"]["X-Request-Id"];
                Vary: components["headers"]["Vary"];
                "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description An If-Match is required */
        PreconditionRequired: {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                "X-Request-Id": components["headers"]["X-Request-Id"];
                Vary: components["headers"]["Vary"];
                "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Too many requests */
        TooManyRequestsDeprecated: {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                "Retry-After": components["headers"]["Retry-After"];
                "X-Request-Id": components["headers"]["X-Request-Id"];
                Vary: components["headers"]["Vary"];
                "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                Deprecation: components["headers"]["Deprecation"];
                Sunset: components["headers"]["Sunset"];
                Link: components["headers"]["Link.deprecated"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Too many requests */
        TooManyRequests: {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                "Retry-After": components["headers"]["Retry-After"];
                "X-Request-Id": components["headers"]["X-Request-Id"];
                Vary: components["headers"]["Vary"];
                "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The service failed */
        InternalServerErrorDeprecated: {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                "X-Request-Id": components["headers"]["X-Request-Id"];
                Vary: components["headers"]["Vary"];
                "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                Deprecation: components["headers"]["Deprecation"];
                Sunset: components["headers"]["Sunset"];
                Link: components["headers"]["Link.deprecated"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The service failed */
        InternalServerError: {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                "X-Request-Id": components["headers"]["X-Request-Id"];
                Vary: components["headers"]["Vary"];
                "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The service is busy or stopping */
        ServiceUnavailableDeprecated: {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                "Retry-After": components["headers"]["Retry-After"];
                "X-Request-Id": components["headers"]["X-Request-Id"];
                Vary: components["headers"]["Vary"];
                "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                Deprecation: components["headers"]["Deprecation"];
                Sunset: components["headers"]["Sunset"];
                Link: components["headers"]["Link.deprecated"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The service is busy or stopping */
        ServiceUnavailable: {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                "Retry-After": components["headers"]["Retry-After"];
                "X-Request-Id": components["headers"]["X-Request-Id"];
                Vary: components["headers"]["Vary"];
                "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
    };
    parameters: {
        /**
         * @description The ETag of the version that is to be changed, a list of them, or `*` (RFC 9110, 13.1.1). Another version is left alone and answered with 412, and so is a field that names no version; without the field the change is made on whatever is there, unless the service insists on it (428).
         * @example *
         */
        IfMatch: string;
        /**
         * @description The ETag of the copy that the client has, a list of them, or `*` (RFC 9110, 13.1.2). The same version is answered with 304 and no body; a field that names no version changes nothing.
         * @example "AZnA3npbfD2OHyo7TF1ufw-3"
         */
        IfNoneMatch: string;
        /**
         * @description The bytes that are wanted, as one range such as `bytes=0-1023` or `bytes=-500` (RFC 9110, 14.2). Several ranges, and what cannot be read, are passed over: the answer is the whole.
         * @example bytes=0-1023
         */
        Range: string;
        /**
         * @description The ETag of the copy of which the client has a part (RFC 9110, 13.1.5). If another version is there now, the answer is the whole of it.
         * @example "AZnA3npbfD2OHyo7TF1ufw-3"
         */
        IfRange: string;
        /**
         * @description The languages that the client would like, each with a weight (RFC 9110, 12.5.4). Ranges that cannot be read, and languages that are not there, are passed over.
         * @example fr-CA, fr;q=0.9, en;q=0.5
         */
        AcceptLanguage: string;
        /**
         * @description The `id` of the last event that the client has (HTML, 9.2.4): what followed is sent first. It wins over `after`.
         * @example 4711
         */
        LastEventID: string;
        /**
         * @description A name for this create, new for each one. The same request with the same key has one effect and gets one answer for 24 hours; another body with the same key is refused with 422.
         * @example 7f3e1b0c-post-welcome
         */
        IdempotencyKey: string;
        /**
         * @description `return=minimal` asks for 204 without a body instead of the changed resource (RFC 7240). Other preferences change nothing.
         * @example return=minimal
         */
        Prefer: string;
        /**
         * @description The event. The same in each attempt: what was seen already can be passed over.
         * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
         */
        WebhookId: string;
        /**
         * @description When this attempt was made, in seconds since 1970. What is older than some minutes should be refused.
         * @example 1763721000
         */
        WebhookTimestamp: number;
        /**
         * @description `v1,` and the HMAC-SHA256 over id, timestamp and body with dots between them, in base64. While secrets are rotated there are two, with a space between them, and one that fits is enough.
         * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
         */
        WebhookSignature: string;
    };
    requestBodies: never;
    headers: {
        /**
         * @description The version of this representation (RFC 9110, 8.8.3).
         * @example "AZnA3npbfD2OHyo7TF1ufw-3"
         */
        ETag: string;
        /**
         * @description When the resource last changed (RFC 9110, 8.8.2).
         * @example Sat, 21 Nov 2026 09:30:00 GMT
         */
        "Last-Modified": string;
        /**
         * @description Who may keep a copy, and for how long (RFC 9111, 5.2). Answers to a known caller are never shared.
         * @example private, no-cache
         */
        "Cache-Control": string;
        /**
         * @description Whether the answer is a file to keep or one to show, and under which name it is kept (RFC 6266).
         * @example attachment; filename="invoice-1.pdf"; filename*=UTF-8''invoice-1.pdf
         */
        "Content-Disposition": string;
        /**
         * @description That some bytes of it can be asked for by `Range` (RFC 9110, 14.3).
         * @example bytes
         */
        "Accept-Ranges": "bytes";
        /**
         * @description Which bytes these are, and how many there are in all (RFC 9110, 14.4).
         * @example bytes 0-1023/48213
         */
        "Content-Range": string;
        /**
         * @description The request fields that the answer depends on (RFC 9110, 12.5.5).
         * @example Accept, Accept-Encoding, Authorization, Cookie
         */
        "Vary.optional": string;
        /**
         * @description The request fields that the answer depends on (RFC 9110, 12.5.5).
         * @example Accept, Accept-Encoding, Authorization, Cookie
         */
        Vary: string;
        /**
         * @description Where the resource is: an absolute path on this service (RFC 9110, 10.2.2).
         * @example /api/posts/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
         */
        Location: string;
        /**
         * @description The pages around this one: first, prev, next and last, where they exist (RFC 8288). Every other parameter is kept.
         * @example </api/posts?page=1>; rel="first", </api/posts?page=2>; rel="next"
         */
        Link: string;
        /**
         * @description What tells of the end of this operation, and what follows it: deprecation, sunset and successor-version (RFC 8288).
         * @example </api/v2/invoices>; rel="successor-version"
         */
        "Link.deprecated": string;
        /**
         * @description The language that the answer is for (RFC 9110, 8.5).
         * @example fr
         */
        "Content-Language": string;
        /**
         * @description Since when the operation is deprecated, as a Unix time (RFC 9745).
         * @example @1795251600
         */
        Deprecation: string;
        /**
         * @description When the operation stops answering (RFC 8594).
         * @example Sun, 21 Nov 2027 09:00:00 GMT
         */
        Sunset: string;
        /**
         * @description `true` when this is the kept answer to an earlier request with the same Idempotency-Key.
         * @example true
         */
        "Idempotent-Replayed": "true";
        /**
         * @description The preference that was honoured (RFC 7240, 3).
         * @example return=minimal
         */
        "Preference-Applied": "return=minimal";
        /**
         * @description The session cookie, set or cleared (RFC 6265, 4.1).
         * @example __Host-session=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0
         */
        "Set-Cookie": string;
        /**
         * @description The id of the request: the one that the client sent, or a new UUIDv7. It is the problem's `trace`.
         * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
         */
        "X-Request-Id": string;
        /**
         * @description Keeps proxies from holding events back.
         * @example no
         */
        "X-Accel-Buffering": "no";
        /**
         * @description Keeps previews out of search engines.
         * @example noindex
         */
        "X-Robots-Tag": "noindex";
        /**
         * @description What is left of the caller's budget: `r` requests, full again in `t` seconds.
         * @example "anonymous";r=59;t=1
         */
        RateLimit: string;
        /**
         * @description The caller's budget: `q` requests in `w` seconds.
         * @example "anonymous";q=300;w=60
         */
        "RateLimit-Policy": string;
        /**
         * @description The origin of the request, if it is on the service's list of allowed origins (Fetch, 3.3.3).
         * @example https://www.acme.test
         */
        "Access-Control-Allow-Origin": string;
        /**
         * @description That this origin may call with the session cookie (Fetch, 3.3.3).
         * @example true
         */
        "Access-Control-Allow-Credentials": "true";
        /**
         * @description The fields that this origin's scripts may read (Fetch, 3.3.3).
         * @example ETag, Link, Location
         */
        "Access-Control-Expose-Headers": string;
        /**
         * @description After how many seconds to try again (RFC 9110, 10.2.3).
         * @example 30
         */
        "Retry-After.optional": number;
        /**
         * @description After how many seconds to try again (RFC 9110, 10.2.3).
         * @example 30
         */
        "Retry-After": number;
        /**
         * @description How to sign in (RFC 6750, 3).
         * @example Bearer realm="tenon"
         */
        "WWW-Authenticate.optional": string;
        /**
         * @description How to sign in (RFC 6750, 3).
         * @example Bearer realm="tenon"
         */
        "WWW-Authenticate": string;
        /**
         * @description The media types that the operation takes (RFC 9110, 15.5.16).
         * @example application/json
         */
        Accept: string;
    };
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    sessionsKeys: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The ETag of the copy that the client has, a list of them, or `*` (RFC 9110, 13.1.2). The same version is answered with 304 and no body; a field that names no version changes nothing.
                 * @example "AZnA3npbfD2OHyo7TF1ufw-3"
                 */
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
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
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
                    "application/json": components["schemas"]["JwkSet"];
                };
            };
            /** @description The client's copy is still current */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            406: components["responses"]["NotAcceptable"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    apiKeysList: {
        parameters: {
            query?: {
                /**
                 * @description The page, counted from 1. Not looked at beside `after`, which also reaches what lies behind page 10,000.
                 * @example 1
                 */
                page?: number;
                /**
                 * @description How many entries a page has at most.
                 * @example 10
                 */
                limit?: number;
                /**
                 * @description The `nextCursor` of the page before: the list goes on right behind that page's last entry, whatever
                 *     was added or removed meanwhile. A cursor belongs to its list, filters and sort.
                 * @example AVsxNzYzNzE3NDAwMDAwLHsiaWQiOiIwMTk5YzBkZSJ9XbG9zZQ
                 */
                after?: string;
                /**
                 * @description Whether `total` and `pages` are counted. Left out, they are counted for numbered pages, and not behind
                 *     a cursor.
                 * @example exact
                 */
                count?: components["schemas"]["Count"];
                /**
                 * @description Keys of this user.
                 * @example 0199c0de-1111-7c3d-8e1f-2a3b4c5d6e7f
                 */
                owner?: string;
            };
            header?: {
                /**
                 * @description The ETag of the copy that the client has, a list of them, or `*` (RFC 9110, 13.1.2). The same version is answered with 304 and no body; a field that names no version changes nothing.
                 * @example "AZnA3npbfD2OHyo7TF1ufw-3"
                 */
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
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "data": [
                     *         {
                     *           "id": "0199c0de-ab1e-7c3d-8e1f-2a3b4c5d6e7f",
                     *           "name": "Site build",
                     *           "scopes": [
                     *             "posts:read",
                     *             "tags:read"
                     *           ],
                     *           "owner": "0199c0de-1111-7c3d-8e1f-2a3b4c5d6e7f",
                     *           "expiresAt": "2026-11-21T09:00:00.000Z",
                     *           "lastUsedAt": "2025-11-22T09:00:00.000Z",
                     *           "previousUntil": "2025-11-22T09:00:00.000Z",
                     *           "createdAt": "2025-11-21T09:00:00.000Z",
                     *           "updatedAt": "2025-11-21T09:00:00.000Z"
                     *         }
                     *       ],
                     *       "pagination": {
                     *         "page": 1,
                     *         "limit": 10,
                     *         "total": 1,
                     *         "pages": 1
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["ApiKeyPage"];
                };
            };
            /** @description The client's copy is still current */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            429: components["responses"]["TooManyRequests"];
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
        /** @description What `/api/api-keys` takes. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "name": "Site build",
                 *       "scopes": [
                 *         "posts:read",
                 *         "tags:read"
                 *       ],
                 *       "expiresAt": "2026-11-21T09:00:00.000Z"
                 *     }
                 */
                "application/json": components["schemas"]["NewApiKey"];
            };
        };
        responses: {
            /** @description The new resource */
            201: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Location: components["headers"]["Location"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    [name: string]: unknown;
                };
                content: {
                    /**
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
                     *       "previousUntil": "2025-11-22T09:00:00.000Z",
                     *       "createdAt": "2025-11-21T09:00:00.000Z",
                     *       "updatedAt": "2025-11-21T09:00:00.000Z",
                     *       "key": "tenon_0199c0deab1e7c3d8e1f2a3b4c5d6e7f_EXAMPLE-of-a-secret-EXAMPLE-of-a-secret-EXA"
                     *     }
                     */
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
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    apiKeysRead: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The ETag of the copy that the client has, a list of them, or `*` (RFC 9110, 13.1.2). The same version is answered with 304 and no body; a field that names no version changes nothing.
                 * @example "AZnA3npbfD2OHyo7TF1ufw-3"
                 */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The key's id.
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
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Last-Modified": components["headers"]["Last-Modified"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
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
                     *       "previousUntil": "2025-11-22T09:00:00.000Z",
                     *       "createdAt": "2025-11-21T09:00:00.000Z",
                     *       "updatedAt": "2025-11-21T09:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["ApiKey"];
                };
            };
            /** @description The client's copy is still current */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    apiKeysRemove: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The key's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done; there is nothing left to show */
            204: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
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
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
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
                     *       "previousUntil": "2025-11-22T09:00:00.000Z",
                     *       "createdAt": "2025-11-21T09:00:00.000Z",
                     *       "updatedAt": "2025-11-21T09:00:00.000Z",
                     *       "key": "tenon_0199c0deab1e7c3d8e1f2a3b4c5d6e7f_EXAMPLE-of-a-secret-EXAMPLE-of-a-secret-EXA"
                     *     }
                     */
                    "application/json": components["schemas"]["IssuedApiKey"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            409: components["responses"]["Conflict"];
            429: components["responses"]["TooManyRequests"];
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
        /** @description What `/api/auth/login` takes. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "email": "ada@acme.test",
                 *       "password": "mortise and tenon",
                 *       "cookie": true
                 *     }
                 */
                "application/json": components["schemas"]["Credentials"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Set-Cookie": components["headers"]["Set-Cookie"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
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
                    "application/json": components["schemas"]["Login"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            406: components["responses"]["NotAcceptable"];
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
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
            /** @description Done; there is nothing left to show */
            204: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Set-Cookie": components["headers"]["Set-Cookie"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    sessionsRefresh: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** @description What `/api/auth/refresh` takes. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "refreshToken": "RcZ0mG3s1xv0J2b8cY5q4nT7uWkL9pXeVtHfDgSaQ1o.9kq3mVx0Y2nZr8sT1uWcB4gL5pXeVtHfDgSaQ1oJ7bE"
                 *     }
                 */
                "application/json": components["schemas"]["Refresh"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
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
                    "application/json": components["schemas"]["Login"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            406: components["responses"]["NotAcceptable"];
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    sessionsList: {
        parameters: {
            query?: {
                /**
                 * @description The page, counted from 1. Not looked at beside `after`, which also reaches what lies behind page 10,000.
                 * @example 1
                 */
                page?: number;
                /**
                 * @description How many entries a page has at most.
                 * @example 10
                 */
                limit?: number;
                /**
                 * @description The `nextCursor` of the page before: the list goes on right behind that page's last entry, whatever
                 *     was added or removed meanwhile. A cursor belongs to its list, filters and sort.
                 * @example AVsxNzYzNzE3NDAwMDAwLHsiaWQiOiIwMTk5YzBkZSJ9XbG9zZQ
                 */
                after?: string;
                /**
                 * @description Whether `total` and `pages` are counted. Left out, they are counted for numbered pages, and not behind
                 *     a cursor.
                 * @example exact
                 */
                count?: components["schemas"]["Count"];
            };
            header?: {
                /**
                 * @description The ETag of the copy that the client has, a list of them, or `*` (RFC 9110, 13.1.2). The same version is answered with 304 and no body; a field that names no version changes nothing.
                 * @example "AZnA3npbfD2OHyo7TF1ufw-3"
                 */
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
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "data": [
                     *         {
                     *           "id": "0199c0de-5e55-7c3d-8e1f-2a3b4c5d6e7f",
                     *           "userAgent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
                     *           "address": "192.0.2.7",
                     *           "createdAt": "2025-11-21T09:00:00.000Z",
                     *           "lastUsedAt": "2025-11-21T09:30:00.000Z",
                     *           "expiresAt": "2025-12-21T09:00:00.000Z",
                     *           "current": true
                     *         }
                     *       ],
                     *       "pagination": {
                     *         "page": 1,
                     *         "limit": 10,
                     *         "total": 1,
                     *         "pages": 1
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["SessionPage"];
                };
            };
            /** @description The client's copy is still current */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    sessionsRemove: {
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
            /** @description Done; there is nothing left to show */
            204: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    authorsList: {
        parameters: {
            query?: {
                /**
                 * @description The page, counted from 1. Not looked at beside `after`, which also reaches what lies behind page 10,000.
                 * @example 1
                 */
                page?: number;
                /**
                 * @description How many entries a page has at most.
                 * @example 10
                 */
                limit?: number;
                /**
                 * @description The `nextCursor` of the page before: the list goes on right behind that page's last entry, whatever
                 *     was added or removed meanwhile. A cursor belongs to its list, filters and sort.
                 * @example AVsxNzYzNzE3NDAwMDAwLHsiaWQiOiIwMTk5YzBkZSJ9XbG9zZQ
                 */
                after?: string;
                /**
                 * @description Whether `total` and `pages` are counted. Left out, they are counted for numbered pages, and not behind
                 *     a cursor.
                 * @example exact
                 */
                count?: components["schemas"]["Count"];
                /**
                 * @description Words that the name contains, whatever the case of their ASCII letters.
                 * @example turner
                 */
                q?: string;
            };
            header?: {
                /**
                 * @description The ETag of the copy that the client has, a list of them, or `*` (RFC 9110, 13.1.2). The same version is answered with 304 and no body; a field that names no version changes nothing.
                 * @example "AZnA3npbfD2OHyo7TF1ufw-3"
                 */
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
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "data": [
                     *         {
                     *           "id": "0199c0de-1111-7c3d-8e1f-2a3b4c5d6e7f",
                     *           "name": "Ada Turner",
                     *           "bio": "Writes about wood and contracts.",
                     *           "url": "https://ada.acme.test/",
                     *           "avatarUrl": "https://www.acme.test/ada.webp",
                     *           "postsCount": 12
                     *         }
                     *       ],
                     *       "pagination": {
                     *         "page": 1,
                     *         "limit": 10,
                     *         "total": 1,
                     *         "pages": 1
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["AuthorPage"];
                };
            };
            /** @description The client's copy is still current */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    authorsRead: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The ETag of the copy that the client has, a list of them, or `*` (RFC 9110, 13.1.2). The same version is answered with 304 and no body; a field that names no version changes nothing.
                 * @example "AZnA3npbfD2OHyo7TF1ufw-3"
                 */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The user's id.
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
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "0199c0de-1111-7c3d-8e1f-2a3b4c5d6e7f",
                     *       "name": "Ada Turner",
                     *       "bio": "Writes about wood and contracts.",
                     *       "url": "https://ada.acme.test/",
                     *       "avatarUrl": "https://www.acme.test/ada.webp",
                     *       "postsCount": 12
                     *     }
                     */
                    "application/json": components["schemas"]["Author"];
                };
            };
            /** @description The client's copy is still current */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    commentsList: {
        parameters: {
            query?: {
                /**
                 * @description The page, counted from 1. Not looked at beside `after`, which also reaches what lies behind page 10,000.
                 * @example 1
                 */
                page?: number;
                /**
                 * @description How many entries a page has at most.
                 * @example 10
                 */
                limit?: number;
                /**
                 * @description The `nextCursor` of the page before: the list goes on right behind that page's last entry, whatever
                 *     was added or removed meanwhile. A cursor belongs to its list, filters and sort.
                 * @example AVsxNzYzNzE3NDAwMDAwLHsiaWQiOiIwMTk5YzBkZSJ9XbG9zZQ
                 */
                after?: string;
                /**
                 * @description Whether `total` and `pages` are counted. Left out, they are counted for numbered pages, and not behind
                 *     a cursor.
                 * @example exact
                 */
                count?: components["schemas"]["Count"];
                /**
                 * @description Comments in this state.
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
                 * @description The order. Comments of one moment follow by id.
                 * @example -createdAt
                 */
                sort?: components["schemas"]["CommentSort"];
                /**
                 * @description `post` adds which post each is about.
                 * @example post
                 */
                expand?: components["schemas"]["CommentExpand"];
            };
            header?: {
                /**
                 * @description The ETag of the copy that the client has, a list of them, or `*` (RFC 9110, 13.1.2). The same version is answered with 304 and no body; a field that names no version changes nothing.
                 * @example "AZnA3npbfD2OHyo7TF1ufw-3"
                 */
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
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "data": [
                     *         {
                     *           "id": "0199c0de-3333-7c3d-8e1f-2a3b4c5d6e7f",
                     *           "postId": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                     *           "parentId": "0199c0de-3332-7c3d-8e1f-2a3b4c5d6e7f",
                     *           "depth": 1,
                     *           "author": {
                     *             "id": "0199c0de-4444-7c3d-8e1f-2a3b4c5d6e7f",
                     *             "name": "Ben Wood"
                     *           },
                     *           "content": "Does this work for a drawer as well?",
                     *           "status": "approved",
                     *           "post": {
                     *             "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                     *             "slug": "a-joint-that-fits",
                     *             "title": "A joint that fits"
                     *           },
                     *           "createdAt": "2025-11-21T10:30:00.000Z",
                     *           "updatedAt": "2025-11-21T10:30:00.000Z"
                     *         }
                     *       ],
                     *       "pagination": {
                     *         "page": 1,
                     *         "limit": 10,
                     *         "total": 1,
                     *         "pages": 1
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["CommentPage"];
                };
            };
            /** @description The client's copy is still current */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    commentsRead: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The ETag of the copy that the client has, a list of them, or `*` (RFC 9110, 13.1.2). The same version is answered with 304 and no body; a field that names no version changes nothing.
                 * @example "AZnA3npbfD2OHyo7TF1ufw-3"
                 */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The comment's id.
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
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Last-Modified": components["headers"]["Last-Modified"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
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
                    "application/json": components["schemas"]["Comment"];
                };
            };
            /** @description The client's copy is still current */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    commentsRemove: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The ETag of the version that is to be changed, a list of them, or `*` (RFC 9110, 13.1.1). Another version is left alone and answered with 412, and so is a field that names no version; without the field the change is made on whatever is there, unless the service insists on it (428).
                 * @example *
                 */
                "If-Match"?: components["parameters"]["IfMatch"];
            };
            path: {
                /**
                 * @description The comment's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done; there is nothing left to show */
            204: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    commentsPatch: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The ETag of the version that is to be changed, a list of them, or `*` (RFC 9110, 13.1.1). Another version is left alone and answered with 412, and so is a field that names no version; without the field the change is made on whatever is there, unless the service insists on it (428).
                 * @example *
                 */
                "If-Match"?: components["parameters"]["IfMatch"];
                /**
                 * @description `return=minimal` asks for 204 without a body instead of the changed resource (RFC 7240). Other preferences change nothing.
                 * @example return=minimal
                 */
                Prefer?: components["parameters"]["Prefer"];
            };
            path: {
                /**
                 * @description The comment's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        /** @description What `/api/comments/{id}` takes. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "content": "Does this work for drawers as well?",
                 *       "status": "approved"
                 *     }
                 */
                "application/merge-patch+json": components["schemas"]["CommentPatch"];
                /**
                 * @example {
                 *       "content": "Does this work for drawers as well?",
                 *       "status": "approved"
                 *     }
                 */
                "application/json": components["schemas"]["CommentPatch"];
            };
        };
        responses: {
            /** @description The resource as it is now */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
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
                    "application/json": components["schemas"]["Comment"];
                };
            };
            /** @description Changed; the client preferred no body */
            204: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            415: components["responses"]["UnsupportedMediaType"];
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    docsList: {
        parameters: {
            query?: {
                /**
                 * @description The page, counted from 1. Not looked at beside `after`, which also reaches what lies behind page 10,000.
                 * @example 1
                 */
                page?: number;
                /**
                 * @description How many entries a page has at most.
                 * @example 10
                 */
                limit?: number;
                /**
                 * @description The `nextCursor` of the page before: the list goes on right behind that page's last entry, whatever
                 *     was added or removed meanwhile. A cursor belongs to its list, filters and sort.
                 * @example AVsxNzYzNzE3NDAwMDAwLHsiaWQiOiIwMTk5YzBkZSJ9XbG9zZQ
                 */
                after?: string;
                /**
                 * @description Whether `total` and `pages` are counted. Left out, they are counted for numbered pages, and not behind
                 *     a cursor.
                 * @example exact
                 */
                count?: components["schemas"]["Count"];
                /**
                 * @description The document at this path and all below it.
                 * @example guides
                 */
                prefix?: string;
                /**
                 * @description Words that the heading contains, whatever their case or accents.
                 * @example started
                 */
                q?: string;
                /**
                 * @description `only` lists the trash instead, for editors.
                 * @example only
                 */
                deleted?: components["schemas"]["Deleted"];
            };
            header?: {
                /**
                 * @description The ETag of the copy that the client has, a list of them, or `*` (RFC 9110, 13.1.2). The same version is answered with 304 and no body; a field that names no version changes nothing.
                 * @example "AZnA3npbfD2OHyo7TF1ufw-3"
                 */
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
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "data": [
                     *         {
                     *           "id": "0199c0de-2222-7c3d-8e1f-2a3b4c5d6e7f",
                     *           "path": "guides/getting-started",
                     *           "title": "Getting started",
                     *           "position": 1,
                     *           "updatedAt": "2025-11-21T09:00:00.000Z"
                     *         }
                     *       ],
                     *       "pagination": {
                     *         "page": 1,
                     *         "limit": 10,
                     *         "total": 1,
                     *         "pages": 1
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["DocumentSummaryPage"];
                };
            };
            /** @description The client's copy is still current */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    docsRead: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The ETag of the copy that the client has, a list of them, or `*` (RFC 9110, 13.1.2). The same version is answered with 304 and no body; a field that names no version changes nothing.
                 * @example "AZnA3npbfD2OHyo7TF1ufw-3"
                 */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The document's place in the tree.
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
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Last-Modified": components["headers"]["Last-Modified"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
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
                    "application/json": components["schemas"]["Document"];
                };
            };
            /** @description The client's copy is still current */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It has another address now */
            308: {
                headers: {
                    Location: components["headers"]["Location"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    docsReplace: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The ETag of the version that is to be changed, a list of them, or `*` (RFC 9110, 13.1.1). Another version is left alone and answered with 412, and so is a field that names no version; without the field the change is made on whatever is there, unless the service insists on it (428).
                 * @example *
                 */
                "If-Match"?: components["parameters"]["IfMatch"];
                /**
                 * @description The ETag of the copy that the client has, a list of them, or `*` (RFC 9110, 13.1.2). The same version is answered with 304 and no body; a field that names no version changes nothing.
                 * @example "AZnA3npbfD2OHyo7TF1ufw-3"
                 */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
                /**
                 * @description `return=minimal` asks for 204 without a body instead of the changed resource (RFC 7240). Other preferences change nothing.
                 * @example return=minimal
                 */
                Prefer?: components["parameters"]["Prefer"];
            };
            path: {
                /**
                 * @description The document's place in the tree.
                 * @example guides/getting-started
                 */
                path: string;
            };
            cookie?: never;
        };
        /** @description What `/api/docs/{path}` takes. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "title": "Getting started",
                 *       "content": "# Getting started\n\nCut the tenon to the mortise.",
                 *       "position": 1
                 *     }
                 */
                "application/json": components["schemas"]["DocumentReplacement"];
            };
        };
        responses: {
            /** @description The resource as it is now */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
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
                    "application/json": components["schemas"]["Document"];
                };
            };
            /** @description The resource, new at this address */
            201: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Location: components["headers"]["Location"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
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
                    "application/json": components["schemas"]["Document"];
                };
            };
            /** @description Changed; the client preferred no body */
            204: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It has another address now */
            308: {
                headers: {
                    Location: components["headers"]["Location"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            415: components["responses"]["UnsupportedMediaType"];
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    docsRemove: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The ETag of the version that is to be changed, a list of them, or `*` (RFC 9110, 13.1.1). Another version is left alone and answered with 412, and so is a field that names no version; without the field the change is made on whatever is there, unless the service insists on it (428).
                 * @example *
                 */
                "If-Match"?: components["parameters"]["IfMatch"];
            };
            path: {
                /**
                 * @description The document's place in the tree.
                 * @example guides/getting-started
                 */
                path: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done; there is nothing left to show */
            204: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It has another address now */
            308: {
                headers: {
                    Location: components["headers"]["Location"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    docsRestore: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The document's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The resource as it is now */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
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
                    "application/json": components["schemas"]["Document"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            409: components["responses"]["Conflict"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    docsRevisionsList: {
        parameters: {
            query?: {
                /**
                 * @description The page, counted from 1. Not looked at beside `after`, which also reaches what lies behind page 10,000.
                 * @example 1
                 */
                page?: number;
                /**
                 * @description How many entries a page has at most.
                 * @example 10
                 */
                limit?: number;
                /**
                 * @description The `nextCursor` of the page before: the list goes on right behind that page's last entry, whatever
                 *     was added or removed meanwhile. A cursor belongs to its list, filters and sort.
                 * @example AVsxNzYzNzE3NDAwMDAwLHsiaWQiOiIwMTk5YzBkZSJ9XbG9zZQ
                 */
                after?: string;
                /**
                 * @description Whether `total` and `pages` are counted. Left out, they are counted for numbered pages, and not behind
                 *     a cursor.
                 * @example exact
                 */
                count?: components["schemas"]["Count"];
            };
            header?: {
                /**
                 * @description The ETag of the copy that the client has, a list of them, or `*` (RFC 9110, 13.1.2). The same version is answered with 304 and no body; a field that names no version changes nothing.
                 * @example "AZnA3npbfD2OHyo7TF1ufw-3"
                 */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The document's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
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
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "data": [
                     *         {
                     *           "id": "0199c0de-3333-7c3d-8e1f-2a3b4c5d6e7f",
                     *           "version": 3,
                     *           "change": "changed",
                     *           "by": {
                     *             "id": "0199c0de-1111-7c3d-8e1f-2a3b4c5d6e7f",
                     *             "name": "Ada Turner",
                     *             "avatarUrl": "https://www.acme.test/ada.webp"
                     *           },
                     *           "createdAt": "2025-11-21T09:30:00.000Z"
                     *         }
                     *       ],
                     *       "pagination": {
                     *         "page": 1,
                     *         "limit": 10,
                     *         "total": 1,
                     *         "pages": 1
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["RevisionPage"];
                };
            };
            /** @description The client's copy is still current */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    docsRevisionsRead: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The ETag of the copy that the client has, a list of them, or `*` (RFC 9110, 13.1.2). The same version is answered with 304 and no body; a field that names no version changes nothing.
                 * @example "AZnA3npbfD2OHyo7TF1ufw-3"
                 */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The document's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
                /**
                 * @description The revision's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                revision: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The resource */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
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
                    "application/json": components["schemas"]["DocumentRevision"];
                };
            };
            /** @description The client's copy is still current */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    docsRevisionsDiff: {
        parameters: {
            query?: {
                /**
                 * @description Another revision of the same; left out, the one before.
                 * @example 0199c0de-3332-7c3d-8e1f-2a3b4c5d6e7f
                 */
                against?: string;
            };
            header?: {
                /**
                 * @description The ETag of the copy that the client has, a list of them, or `*` (RFC 9110, 13.1.2). The same version is answered with 304 and no body; a field that names no version changes nothing.
                 * @example "AZnA3npbfD2OHyo7TF1ufw-3"
                 */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The document's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
                /**
                 * @description The revision's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                revision: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The resource */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "revision": "0199c0de-3333-7c3d-8e1f-2a3b4c5d6e7f",
                     *       "against": "0199c0de-3332-7c3d-8e1f-2a3b4c5d6e7f",
                     *       "members": [
                     *         {
                     *           "member": "title",
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
                    "application/json": components["schemas"]["RevisionDiff"];
                };
            };
            /** @description The client's copy is still current */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    docsRevisionsRestore: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The ETag of the version that is to be changed, a list of them, or `*` (RFC 9110, 13.1.1). Another version is left alone and answered with 412, and so is a field that names no version; without the field the change is made on whatever is there, unless the service insists on it (428).
                 * @example *
                 */
                "If-Match"?: components["parameters"]["IfMatch"];
            };
            path: {
                /**
                 * @description The document's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
                /**
                 * @description The revision's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                revision: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The resource as it is now */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
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
                    "application/json": components["schemas"]["Document"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            412: components["responses"]["PreconditionFailed"];
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    eventsListen: {
        parameters: {
            query?: {
                /**
                 * @description Events about these; all of them if it is left out. Given once for each.
                 * @example [
                 *       "posts",
                 *       "comments"
                 *     ]
                 */
                topics?: components["schemas"]["Topic"][];
                /**
                 * @description The `id` of the last event that the client has: what followed is sent first. For clients that cannot send
                 *     `Last-Event-ID`, which wins over it.
                 * @example 4711
                 */
                after?: number;
            };
            header?: {
                /**
                 * @description The `id` of the last event that the client has (HTML, 9.2.4): what followed is sent first. It wins over `after`.
                 * @example 4711
                 */
                "Last-Event-ID"?: components["parameters"]["LastEventID"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Events, each with one JSON text of this schema as its `data` */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Accel-Buffering": components["headers"]["X-Accel-Buffering"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
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
                    "text/event-stream": components["schemas"]["Event"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    healthRead: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "status": "ok",
                     *       "database": "ok",
                     *       "rates": "ok"
                     *     }
                     */
                    "application/json": components["schemas"]["Summary"];
                };
            };
            400: components["responses"]["BadRequest"];
            406: components["responses"]["NotAcceptable"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    jobsList: {
        parameters: {
            query?: {
                /**
                 * @description The page, counted from 1. Not looked at beside `after`, which also reaches what lies behind page 10,000.
                 * @example 1
                 */
                page?: number;
                /**
                 * @description How many entries a page has at most.
                 * @example 10
                 */
                limit?: number;
                /**
                 * @description The `nextCursor` of the page before: the list goes on right behind that page's last entry, whatever
                 *     was added or removed meanwhile. A cursor belongs to its list, filters and sort.
                 * @example AVsxNzYzNzE3NDAwMDAwLHsiaWQiOiIwMTk5YzBkZSJ9XbG9zZQ
                 */
                after?: string;
                /**
                 * @description Whether `total` and `pages` are counted. Left out, they are counted for numbered pages, and not behind
                 *     a cursor.
                 * @example exact
                 */
                count?: components["schemas"]["Count"];
                /**
                 * @description Jobs in this state.
                 * @example dead
                 */
                state?: components["schemas"]["JobState"];
                /**
                 * @description Jobs of this kind.
                 * @example service.sweep
                 */
                kind?: string;
            };
            header?: {
                /**
                 * @description The ETag of the copy that the client has, a list of them, or `*` (RFC 9110, 13.1.2). The same version is answered with 304 and no body; a field that names no version changes nothing.
                 * @example "AZnA3npbfD2OHyo7TF1ufw-3"
                 */
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
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "data": [
                     *         {
                     *           "id": "0199c0de-9999-7c3d-8e1f-2a3b4c5d6e7f",
                     *           "kind": "service.sweep",
                     *           "state": "done",
                     *           "runAt": "2025-11-21T10:30:00.000Z",
                     *           "attempts": 1,
                     *           "maxAttempts": 8,
                     *           "createdAt": "2025-11-21T10:30:00.000Z",
                     *           "updatedAt": "2025-11-21T10:30:00.250Z",
                     *           "finishedAt": "2025-11-21T10:30:00.250Z"
                     *         }
                     *       ],
                     *       "pagination": {
                     *         "page": 1,
                     *         "limit": 10,
                     *         "total": 1,
                     *         "pages": 1
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["JobPage"];
                };
            };
            /** @description The client's copy is still current */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    jobsRead: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The ETag of the copy that the client has, a list of them, or `*` (RFC 9110, 13.1.2). The same version is answered with 304 and no body; a field that names no version changes nothing.
                 * @example "AZnA3npbfD2OHyo7TF1ufw-3"
                 */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The job's id.
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
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Last-Modified": components["headers"]["Last-Modified"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
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
                    "application/json": components["schemas"]["Job"];
                };
            };
            /** @description The client's copy is still current */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            429: components["responses"]["TooManyRequests"];
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
                 * @description The job's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What will be done */
            202: {
                headers: {
                    Location: components["headers"]["Location"];
                    "Retry-After": components["headers"]["Retry-After"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
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
                    "application/json": components["schemas"]["Job"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            409: components["responses"]["Conflict"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    meRead: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The ETag of the copy that the client has, a list of them, or `*` (RFC 9110, 13.1.2). The same version is answered with 304 and no body; a field that names no version changes nothing.
                 * @example "AZnA3npbfD2OHyo7TF1ufw-3"
                 */
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
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Last-Modified": components["headers"]["Last-Modified"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
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
                    "application/json": components["schemas"]["Me"];
                };
            };
            /** @description The client's copy is still current */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    mePatch: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The ETag of the version that is to be changed, a list of them, or `*` (RFC 9110, 13.1.1). Another version is left alone and answered with 412, and so is a field that names no version; without the field the change is made on whatever is there, unless the service insists on it (428).
                 * @example *
                 */
                "If-Match"?: components["parameters"]["IfMatch"];
                /**
                 * @description `return=minimal` asks for 204 without a body instead of the changed resource (RFC 7240). Other preferences change nothing.
                 * @example return=minimal
                 */
                Prefer?: components["parameters"]["Prefer"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description What `/api/me` takes. */
        requestBody: {
            content: {
                /**
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
                "application/merge-patch+json": components["schemas"]["UserPatch"];
                /**
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
                "application/json": components["schemas"]["UserPatch"];
            };
        };
        responses: {
            /** @description The resource as it is now */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
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
                    "application/json": components["schemas"]["Me"];
                };
            };
            /** @description Changed; the client preferred no body */
            204: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            415: components["responses"]["UnsupportedMediaType"];
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    mediaList: {
        parameters: {
            query?: {
                /**
                 * @description The page, counted from 1. Not looked at beside `after`, which also reaches what lies behind page 10,000.
                 * @example 1
                 */
                page?: number;
                /**
                 * @description How many entries a page has at most.
                 * @example 10
                 */
                limit?: number;
                /**
                 * @description The `nextCursor` of the page before: the list goes on right behind that page's last entry, whatever
                 *     was added or removed meanwhile. A cursor belongs to its list, filters and sort.
                 * @example AVsxNzYzNzE3NDAwMDAwLHsiaWQiOiIwMTk5YzBkZSJ9XbG9zZQ
                 */
                after?: string;
                /**
                 * @description Whether `total` and `pages` are counted. Left out, they are counted for numbered pages, and not behind
                 *     a cursor.
                 * @example exact
                 */
                count?: components["schemas"]["Count"];
                /**
                 * @description Words that the name or the description contain, whatever their case or accents.
                 * @example joint
                 */
                q?: string;
                /**
                 * @description Pictures of this kind only.
                 * @example image/jpeg
                 */
                type?: components["schemas"]["MediaType"];
                /**
                 * @description Pictures of this account only. Authors see none but their own in any case.
                 * @example 0199c0de-1111-7c3d-8e1f-2a3b4c5d6e7f
                 */
                uploadedBy?: string;
                /**
                 * @description The order, with `-` for falling; the newest first without it. Equal pictures follow by id.
                 * @example -createdAt
                 */
                sort?: string;
            };
            header?: {
                /**
                 * @description The ETag of the copy that the client has, a list of them, or `*` (RFC 9110, 13.1.2). The same version is answered with 304 and no body; a field that names no version changes nothing.
                 * @example "AZnA3npbfD2OHyo7TF1ufw-3"
                 */
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
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "data": [
                     *         {
                     *           "id": "0199c0de-8888-7c3d-8e1f-2a3b4c5d6e7f",
                     *           "url": "/media/7d0f1c9a3b5e4f6081a2b3c4d5e6f708.jpg",
                     *           "filename": "dovetail.jpg",
                     *           "type": "image/jpeg",
                     *           "size": 48213,
                     *           "width": 1600,
                     *           "height": 1200,
                     *           "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                     *           "blurhash": "LEHV6nWB2yk8pyo0adR*.7kCMdnj",
                     *           "alt": "A dovetail joint, seen from the side",
                     *           "focusX": 0.5,
                     *           "focusY": 0.25,
                     *           "variants": [
                     *             {
                     *               "url": "/media/7d0f1c9a3b5e4f6081a2b3c4d5e6f708.jpg?w=640&format=webp",
                     *               "width": 640,
                     *               "height": 480
                     *             }
                     *           ],
                     *           "uploadedBy": "0199c0de-1111-7c3d-8e1f-2a3b4c5d6e7f",
                     *           "createdAt": "2025-11-20T09:00:00.000Z",
                     *           "updatedAt": "2025-11-21T09:00:00.000Z"
                     *         }
                     *       ],
                     *       "pagination": {
                     *         "page": 1,
                     *         "limit": 10,
                     *         "total": 1,
                     *         "pages": 1
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["MediaPage"];
                };
            };
            /** @description The client's copy is still current */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    mediaRead: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The ETag of the copy that the client has, a list of them, or `*` (RFC 9110, 13.1.2). The same version is answered with 304 and no body; a field that names no version changes nothing.
                 * @example "AZnA3npbfD2OHyo7TF1ufw-3"
                 */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The picture's id.
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
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Last-Modified": components["headers"]["Last-Modified"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
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
                     *       "alt": "A dovetail joint, seen from the side",
                     *       "focusX": 0.5,
                     *       "focusY": 0.25,
                     *       "variants": [
                     *         {
                     *           "url": "/media/7d0f1c9a3b5e4f6081a2b3c4d5e6f708.jpg?w=640&format=webp",
                     *           "width": 640,
                     *           "height": 480
                     *         }
                     *       ],
                     *       "uploadedBy": "0199c0de-1111-7c3d-8e1f-2a3b4c5d6e7f",
                     *       "createdAt": "2025-11-20T09:00:00.000Z",
                     *       "updatedAt": "2025-11-21T09:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Media"];
                };
            };
            /** @description The client's copy is still current */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    mediaRemove: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The ETag of the version that is to be changed, a list of them, or `*` (RFC 9110, 13.1.1). Another version is left alone and answered with 412, and so is a field that names no version; without the field the change is made on whatever is there, unless the service insists on it (428).
                 * @example *
                 */
                "If-Match"?: components["parameters"]["IfMatch"];
            };
            path: {
                /**
                 * @description The picture's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done; there is nothing left to show */
            204: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    mediaPatch: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The ETag of the version that is to be changed, a list of them, or `*` (RFC 9110, 13.1.1). Another version is left alone and answered with 412, and so is a field that names no version; without the field the change is made on whatever is there, unless the service insists on it (428).
                 * @example *
                 */
                "If-Match"?: components["parameters"]["IfMatch"];
                /**
                 * @description `return=minimal` asks for 204 without a body instead of the changed resource (RFC 7240). Other preferences change nothing.
                 * @example return=minimal
                 */
                Prefer?: components["parameters"]["Prefer"];
            };
            path: {
                /**
                 * @description The picture's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        /** @description What `/api/media/{id}` takes. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "filename": "joint.jpg",
                 *       "alt": "A dovetail joint, seen from the side",
                 *       "focusX": 0.5,
                 *       "focusY": 0.25
                 *     }
                 */
                "application/merge-patch+json": components["schemas"]["MediaPatch"];
                /**
                 * @example {
                 *       "filename": "joint.jpg",
                 *       "alt": "A dovetail joint, seen from the side",
                 *       "focusX": 0.5,
                 *       "focusY": 0.25
                 *     }
                 */
                "application/json": components["schemas"]["MediaPatch"];
            };
        };
        responses: {
            /** @description The resource as it is now */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
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
                     *       "alt": "A dovetail joint, seen from the side",
                     *       "focusX": 0.5,
                     *       "focusY": 0.25,
                     *       "variants": [
                     *         {
                     *           "url": "/media/7d0f1c9a3b5e4f6081a2b3c4d5e6f708.jpg?w=640&format=webp",
                     *           "width": 640,
                     *           "height": 480
                     *         }
                     *       ],
                     *       "uploadedBy": "0199c0de-1111-7c3d-8e1f-2a3b4c5d6e7f",
                     *       "createdAt": "2025-11-20T09:00:00.000Z",
                     *       "updatedAt": "2025-11-21T09:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Media"];
                };
            };
            /** @description Changed; the client preferred no body */
            204: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            415: components["responses"]["UnsupportedMediaType"];
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    postsList: {
        parameters: {
            query?: {
                /**
                 * @description The page, counted from 1. Not looked at beside `after`, which also reaches what lies behind page 10,000.
                 * @example 1
                 */
                page?: number;
                /**
                 * @description How many entries a page has at most.
                 * @example 10
                 */
                limit?: number;
                /**
                 * @description The `nextCursor` of the page before: the list goes on right behind that page's last entry, whatever
                 *     was added or removed meanwhile. A cursor belongs to its list, filters and sort.
                 * @example AVsxNzYzNzE3NDAwMDAwLHsiaWQiOiIwMTk5YzBkZSJ9XbG9zZQ
                 */
                after?: string;
                /**
                 * @description Whether `total` and `pages` are counted. Left out, they are counted for numbered pages, and not behind
                 *     a cursor.
                 * @example exact
                 */
                count?: components["schemas"]["Count"];
                /**
                 * @description Slugs of tags: posts with any of the slugs between commas. Given several times, all must be met.
                 * @example [
                 *       "joinery"
                 *     ]
                 */
                tag?: string[];
                /**
                 * @description Posts by this author, alone or with others.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                author?: string;
                /**
                 * @description Published posts, or drafts that the caller may see. Left out, it is `published`, and `any` in the trash.
                 * @example published
                 */
                status?: components["schemas"]["PostStatus"];
                /**
                 * @description `only` lists the trash instead: to authors their own, to editors all. What was deleted last comes first.
                 * @example only
                 */
                deleted?: components["schemas"]["Deleted"];
                /**
                 * @description Words that the title or the excerpt contain, whatever their case or accents.
                 * @example joint
                 */
                q?: string;
                /**
                 * @description Published at this time or later.
                 * @example 2025-11-21T09:00:00.000Z
                 */
                "publishedAt[gte]"?: string;
                /**
                 * @description Published before this time.
                 * @example 2026-11-21T09:20:00.000Z
                 */
                "publishedAt[lt]"?: string;
                /**
                 * @description The order: names of members between commas, each with `-` for falling. Equal posts follow by id.
                 * @example -publishedAt,title
                 */
                sort?: string;
                /**
                 * @description Which of the optional members come along, between commas; left out: `excerpt,coverImage`.
                 * @example excerpt,content
                 */
                fields?: string;
                /**
                 * @description `author` adds what the authors say of themselves.
                 * @example author
                 */
                expand?: components["schemas"]["PostExpand"];
            };
            header?: {
                /**
                 * @description The ETag of the copy that the client has, a list of them, or `*` (RFC 9110, 13.1.2). The same version is answered with 304 and no body; a field that names no version changes nothing.
                 * @example "AZnA3npbfD2OHyo7TF1ufw-3"
                 */
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
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "data": [
                     *         {
                     *           "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                     *           "slug": "a-joint-that-fits",
                     *           "title": "A joint that fits",
                     *           "author": {
                     *             "id": "0199c0de-1111-7c3d-8e1f-2a3b4c5d6e7f",
                     *             "name": "Ada Turner",
                     *             "avatarUrl": "https://www.acme.test/ada.webp",
                     *             "bio": "Writes about wood and contracts."
                     *           },
                     *           "coauthors": [],
                     *           "tags": [
                     *             {
                     *               "slug": "joinery",
                     *               "name": "Joinery"
                     *             }
                     *           ],
                     *           "published": true,
                     *           "publishedAt": "2025-11-21T09:30:00.000Z",
                     *           "unpublishAt": "2100-01-01T00:00:00.000Z",
                     *           "commentsCount": 2,
                     *           "createdAt": "2025-11-21T09:00:00.000Z",
                     *           "updatedAt": "2025-11-21T09:30:00.000Z",
                     *           "excerpt": "Why every client is cut from the same contract.",
                     *           "coverImage": "https://www.acme.test/joint.webp",
                     *           "content": "A tenon is the part of a joint that is *cut to fit*."
                     *         }
                     *       ],
                     *       "pagination": {
                     *         "page": 1,
                     *         "limit": 10,
                     *         "total": 1,
                     *         "pages": 1
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["PostSummaryPage"];
                };
            };
            /** @description The client's copy is still current */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    postsCreate: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A name for this create, new for each one. The same request with the same key has one effect and gets one answer for 24 hours; another body with the same key is refused with 422.
                 * @example 7f3e1b0c-post-welcome
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description What `/api/posts` takes. */
        requestBody: {
            content: {
                /**
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
                "application/json": components["schemas"]["NewPost"];
            };
        };
        responses: {
            /** @description The new resource */
            201: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Location: components["headers"]["Location"];
                    "Idempotent-Replayed": components["headers"]["Idempotent-Replayed"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
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
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableEntity"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    postsReadBySlug: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The ETag of the copy that the client has, a list of them, or `*` (RFC 9110, 13.1.2). The same version is answered with 304 and no body; a field that names no version changes nothing.
                 * @example "AZnA3npbfD2OHyo7TF1ufw-3"
                 */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The post's slug.
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
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Last-Modified": components["headers"]["Last-Modified"];
                    "X-Robots-Tag": components["headers"]["X-Robots-Tag"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
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
                    "application/json": components["schemas"]["Post"];
                };
            };
            /** @description The client's copy is still current */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It has another address now */
            308: {
                headers: {
                    Location: components["headers"]["Location"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    postsRead: {
        parameters: {
            query?: {
                /**
                 * @description The token of a preview link; with it the post is shown whether or not it is published.
                 * @example AZnA3npbfD2OHyo7TF1ufw.kq3mVx0Y2nZr8sT1uWcB4g
                 */
                preview?: string;
            };
            header?: {
                /**
                 * @description The ETag of the copy that the client has, a list of them, or `*` (RFC 9110, 13.1.2). The same version is answered with 304 and no body; a field that names no version changes nothing.
                 * @example "AZnA3npbfD2OHyo7TF1ufw-3"
                 */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The post's id.
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
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Last-Modified": components["headers"]["Last-Modified"];
                    "X-Robots-Tag": components["headers"]["X-Robots-Tag"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
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
                    "application/json": components["schemas"]["Post"];
                };
            };
            /** @description The client's copy is still current */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    postsReplace: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The ETag of the version that is to be changed, a list of them, or `*` (RFC 9110, 13.1.1). Another version is left alone and answered with 412, and so is a field that names no version; without the field the change is made on whatever is there, unless the service insists on it (428).
                 * @example *
                 */
                "If-Match"?: components["parameters"]["IfMatch"];
                /**
                 * @description `return=minimal` asks for 204 without a body instead of the changed resource (RFC 7240). Other preferences change nothing.
                 * @example return=minimal
                 */
                Prefer?: components["parameters"]["Prefer"];
            };
            path: {
                /**
                 * @description The post's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        /** @description What `/api/posts/{id}` takes. */
        requestBody: {
            content: {
                /**
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
                "application/json": components["schemas"]["PostReplacement"];
            };
        };
        responses: {
            /** @description The resource as it is now */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
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
                    "application/json": components["schemas"]["Post"];
                };
            };
            /** @description Changed; the client preferred no body */
            204: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            415: components["responses"]["UnsupportedMediaType"];
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    postsRemove: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The ETag of the version that is to be changed, a list of them, or `*` (RFC 9110, 13.1.1). Another version is left alone and answered with 412, and so is a field that names no version; without the field the change is made on whatever is there, unless the service insists on it (428).
                 * @example *
                 */
                "If-Match"?: components["parameters"]["IfMatch"];
            };
            path: {
                /**
                 * @description The post's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done; there is nothing left to show */
            204: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    postsPatch: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The ETag of the version that is to be changed, a list of them, or `*` (RFC 9110, 13.1.1). Another version is left alone and answered with 412, and so is a field that names no version; without the field the change is made on whatever is there, unless the service insists on it (428).
                 * @example *
                 */
                "If-Match"?: components["parameters"]["IfMatch"];
                /**
                 * @description `return=minimal` asks for 204 without a body instead of the changed resource (RFC 7240). Other preferences change nothing.
                 * @example return=minimal
                 */
                Prefer?: components["parameters"]["Prefer"];
            };
            path: {
                /**
                 * @description The post's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        /** @description What `/api/posts/{id}` takes. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "title": "A joint that fits well",
                 *       "content": "A tenon is the part of a joint that is *cut to fit*.",
                 *       "slug": "a-joint-that-fits-well",
                 *       "excerpt": "Why every client is cut from the same contract.",
                 *       "coverImage": "https://www.acme.test/joint.webp",
                 *       "tags": [
                 *         "Joinery"
                 *       ],
                 *       "published": true,
                 *       "unpublishAt": "2100-01-01T00:00:00.000Z"
                 *     }
                 */
                "application/merge-patch+json": components["schemas"]["PostPatch"];
                /**
                 * @example {
                 *       "title": "A joint that fits well",
                 *       "content": "A tenon is the part of a joint that is *cut to fit*.",
                 *       "slug": "a-joint-that-fits-well",
                 *       "excerpt": "Why every client is cut from the same contract.",
                 *       "coverImage": "https://www.acme.test/joint.webp",
                 *       "tags": [
                 *         "Joinery"
                 *       ],
                 *       "published": true,
                 *       "unpublishAt": "2100-01-01T00:00:00.000Z"
                 *     }
                 */
                "application/json": components["schemas"]["PostPatch"];
            };
        };
        responses: {
            /** @description The resource as it is now */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
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
                    "application/json": components["schemas"]["Post"];
                };
            };
            /** @description Changed; the client preferred no body */
            204: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            415: components["responses"]["UnsupportedMediaType"];
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    commentsListForPost: {
        parameters: {
            query?: {
                /**
                 * @description The page, counted from 1. Not looked at beside `after`, which also reaches what lies behind page 10,000.
                 * @example 1
                 */
                page?: number;
                /**
                 * @description How many entries a page has at most.
                 * @example 10
                 */
                limit?: number;
                /**
                 * @description The `nextCursor` of the page before: the list goes on right behind that page's last entry, whatever
                 *     was added or removed meanwhile. A cursor belongs to its list, filters and sort.
                 * @example AVsxNzYzNzE3NDAwMDAwLHsiaWQiOiIwMTk5YzBkZSJ9XbG9zZQ
                 */
                after?: string;
                /**
                 * @description Whether `total` and `pages` are counted. Left out, they are counted for numbered pages, and not behind
                 *     a cursor.
                 * @example exact
                 */
                count?: components["schemas"]["Count"];
                /**
                 * @description Only the replies to this comment.
                 * @example 0199c0de-3332-7c3d-8e1f-2a3b4c5d6e7f
                 */
                parent?: string;
            };
            header?: {
                /**
                 * @description The ETag of the copy that the client has, a list of them, or `*` (RFC 9110, 13.1.2). The same version is answered with 304 and no body; a field that names no version changes nothing.
                 * @example "AZnA3npbfD2OHyo7TF1ufw-3"
                 */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The post's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
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
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "data": [
                     *         {
                     *           "id": "0199c0de-3333-7c3d-8e1f-2a3b4c5d6e7f",
                     *           "postId": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                     *           "parentId": "0199c0de-3332-7c3d-8e1f-2a3b4c5d6e7f",
                     *           "depth": 1,
                     *           "author": {
                     *             "id": "0199c0de-4444-7c3d-8e1f-2a3b4c5d6e7f",
                     *             "name": "Ben Wood"
                     *           },
                     *           "content": "Does this work for a drawer as well?",
                     *           "status": "approved",
                     *           "post": {
                     *             "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                     *             "slug": "a-joint-that-fits",
                     *             "title": "A joint that fits"
                     *           },
                     *           "createdAt": "2025-11-21T10:30:00.000Z",
                     *           "updatedAt": "2025-11-21T10:30:00.000Z"
                     *         }
                     *       ],
                     *       "pagination": {
                     *         "page": 1,
                     *         "limit": 10,
                     *         "total": 1,
                     *         "pages": 1
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["CommentPage"];
                };
            };
            /** @description The client's copy is still current */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    commentsCreate: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A name for this create, new for each one. The same request with the same key has one effect and gets one answer for 24 hours; another body with the same key is refused with 422.
                 * @example 7f3e1b0c-post-welcome
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                /**
                 * @description The post's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        /** @description What `/api/posts/{id}/comments` takes. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "content": "Does this work for a drawer as well?"
                 *     }
                 */
                "application/json": components["schemas"]["NewComment"];
            };
        };
        responses: {
            /** @description The new resource */
            201: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Location: components["headers"]["Location"];
                    "Idempotent-Replayed": components["headers"]["Idempotent-Replayed"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
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
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableEntity"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    postsPreview: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The post's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
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
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                     *       "url": "/api/posts/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f?preview=AZnA3npbfD2OHyo7TF1ufw.kq3mVx0Y2nZr8sT1uWcB4g",
                     *       "token": "AZnA3npbfD2OHyo7TF1ufw.kq3mVx0Y2nZr8sT1uWcB4g",
                     *       "expiresAt": "2025-11-24T09:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["PreviewLink"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    postsEndPreviews: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The post's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done; there is nothing left to show */
            204: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    postsRestore: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The post's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The resource as it is now */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
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
                    "application/json": components["schemas"]["Post"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    postsRevisionsList: {
        parameters: {
            query?: {
                /**
                 * @description The page, counted from 1. Not looked at beside `after`, which also reaches what lies behind page 10,000.
                 * @example 1
                 */
                page?: number;
                /**
                 * @description How many entries a page has at most.
                 * @example 10
                 */
                limit?: number;
                /**
                 * @description The `nextCursor` of the page before: the list goes on right behind that page's last entry, whatever
                 *     was added or removed meanwhile. A cursor belongs to its list, filters and sort.
                 * @example AVsxNzYzNzE3NDAwMDAwLHsiaWQiOiIwMTk5YzBkZSJ9XbG9zZQ
                 */
                after?: string;
                /**
                 * @description Whether `total` and `pages` are counted. Left out, they are counted for numbered pages, and not behind
                 *     a cursor.
                 * @example exact
                 */
                count?: components["schemas"]["Count"];
            };
            header?: {
                /**
                 * @description The ETag of the copy that the client has, a list of them, or `*` (RFC 9110, 13.1.2). The same version is answered with 304 and no body; a field that names no version changes nothing.
                 * @example "AZnA3npbfD2OHyo7TF1ufw-3"
                 */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The post's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
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
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "data": [
                     *         {
                     *           "id": "0199c0de-3333-7c3d-8e1f-2a3b4c5d6e7f",
                     *           "version": 3,
                     *           "change": "changed",
                     *           "by": {
                     *             "id": "0199c0de-1111-7c3d-8e1f-2a3b4c5d6e7f",
                     *             "name": "Ada Turner",
                     *             "avatarUrl": "https://www.acme.test/ada.webp"
                     *           },
                     *           "createdAt": "2025-11-21T09:30:00.000Z"
                     *         }
                     *       ],
                     *       "pagination": {
                     *         "page": 1,
                     *         "limit": 10,
                     *         "total": 1,
                     *         "pages": 1
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["RevisionPage"];
                };
            };
            /** @description The client's copy is still current */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    postsRevisionsRead: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The ETag of the copy that the client has, a list of them, or `*` (RFC 9110, 13.1.2). The same version is answered with 304 and no body; a field that names no version changes nothing.
                 * @example "AZnA3npbfD2OHyo7TF1ufw-3"
                 */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The post's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
                /**
                 * @description The revision's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                revision: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The resource */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
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
                    "application/json": components["schemas"]["PostRevision"];
                };
            };
            /** @description The client's copy is still current */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    postsRevisionsDiff: {
        parameters: {
            query?: {
                /**
                 * @description Another revision of the same; left out, the one before.
                 * @example 0199c0de-3332-7c3d-8e1f-2a3b4c5d6e7f
                 */
                against?: string;
            };
            header?: {
                /**
                 * @description The ETag of the copy that the client has, a list of them, or `*` (RFC 9110, 13.1.2). The same version is answered with 304 and no body; a field that names no version changes nothing.
                 * @example "AZnA3npbfD2OHyo7TF1ufw-3"
                 */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The post's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
                /**
                 * @description The revision's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                revision: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The resource */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "revision": "0199c0de-3333-7c3d-8e1f-2a3b4c5d6e7f",
                     *       "against": "0199c0de-3332-7c3d-8e1f-2a3b4c5d6e7f",
                     *       "members": [
                     *         {
                     *           "member": "title",
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
                    "application/json": components["schemas"]["RevisionDiff"];
                };
            };
            /** @description The client's copy is still current */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    postsRevisionsRestore: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The ETag of the version that is to be changed, a list of them, or `*` (RFC 9110, 13.1.1). Another version is left alone and answered with 412, and so is a field that names no version; without the field the change is made on whatever is there, unless the service insists on it (428).
                 * @example *
                 */
                "If-Match"?: components["parameters"]["IfMatch"];
            };
            path: {
                /**
                 * @description The post's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
                /**
                 * @description The revision's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                revision: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The resource as it is now */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
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
                    "application/json": components["schemas"]["Post"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            412: components["responses"]["PreconditionFailed"];
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    ratesRead: {
        parameters: {
            query?: {
                /**
                 * @description The currency of which one unit is meant; the US dollar if none is named.
                 * @example USD
                 */
                base?: string;
            };
            header?: {
                /**
                 * @description The ETag of the copy that the client has, a list of them, or `*` (RFC 9110, 13.1.2). The same version is answered with 304 and no body; a field that names no version changes nothing.
                 * @example "AZnA3npbfD2OHyo7TF1ufw-3"
                 */
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
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
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
                    "application/json": components["schemas"]["RateTable"];
                };
            };
            /** @description The client's copy is still current */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    redirectsList: {
        parameters: {
            query?: {
                /**
                 * @description The page, counted from 1. Not looked at beside `after`, which also reaches what lies behind page 10,000.
                 * @example 1
                 */
                page?: number;
                /**
                 * @description How many entries a page has at most.
                 * @example 10
                 */
                limit?: number;
                /**
                 * @description The `nextCursor` of the page before: the list goes on right behind that page's last entry, whatever
                 *     was added or removed meanwhile. A cursor belongs to its list, filters and sort.
                 * @example AVsxNzYzNzE3NDAwMDAwLHsiaWQiOiIwMTk5YzBkZSJ9XbG9zZQ
                 */
                after?: string;
                /**
                 * @description Whether `total` and `pages` are counted. Left out, they are counted for numbered pages, and not behind
                 *     a cursor.
                 * @example exact
                 */
                count?: components["schemas"]["Count"];
                /**
                 * @description Words that the source or the destination contain, whatever their case or accents.
                 * @example revenues
                 */
                q?: string;
                /**
                 * @description The order, with `-` for falling. Equal rules follow by id.
                 * @example -hits
                 */
                sort?: string;
            };
            header?: {
                /**
                 * @description The ETag of the copy that the client has, a list of them, or `*` (RFC 9110, 13.1.2). The same version is answered with 304 and no body; a field that names no version changes nothing.
                 * @example "AZnA3npbfD2OHyo7TF1ufw-3"
                 */
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
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "data": [
                     *         {
                     *           "id": "0199c0de-3333-7c3d-8e1f-2a3b4c5d6e7f",
                     *           "source": "/api/v1/revenues",
                     *           "kind": "exact",
                     *           "destination": "/api/v2/revenues/en-us",
                     *           "permanent": false,
                     *           "startsAt": "2025-11-20T09:00:00.000Z",
                     *           "endsAt": "2029-11-22T00:00:00.000Z",
                     *           "hits": 42,
                     *           "updatedAt": "2025-11-21T09:00:00.000Z"
                     *         }
                     *       ],
                     *       "pagination": {
                     *         "page": 1,
                     *         "limit": 10,
                     *         "total": 1,
                     *         "pages": 1
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["RedirectSummaryPage"];
                };
            };
            /** @description The client's copy is still current */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    redirectsCreate: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A name for this create, new for each one. The same request with the same key has one effect and gets one answer for 24 hours; another body with the same key is refused with 422.
                 * @example 7f3e1b0c-post-welcome
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description What `/api/redirects` takes. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "source": "/api/v1/revenues",
                 *       "destination": "/api/v2/revenues/en-us",
                 *       "permanent": false,
                 *       "startsAt": "2025-11-20T09:00:00.000Z",
                 *       "endsAt": "2029-11-22T00:00:00.000Z"
                 *     }
                 */
                "application/json": components["schemas"]["NewRedirect"];
            };
        };
        responses: {
            /** @description The new resource */
            201: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Location: components["headers"]["Location"];
                    "Idempotent-Replayed": components["headers"]["Idempotent-Replayed"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "0199c0de-3333-7c3d-8e1f-2a3b4c5d6e7f",
                     *       "source": "/api/v1/revenues",
                     *       "kind": "exact",
                     *       "destination": "/api/v2/revenues/en-us",
                     *       "permanent": false,
                     *       "startsAt": "2025-11-20T09:00:00.000Z",
                     *       "endsAt": "2029-11-22T00:00:00.000Z",
                     *       "createdAt": "2025-11-21T09:00:00.000Z",
                     *       "updatedAt": "2025-11-21T09:00:00.000Z"
                     *     }
                     */
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
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableEntity"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    redirectsExport: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The ETag of the copy that the client has, a list of them, or `*` (RFC 9110, 13.1.2). The same version is answered with 304 and no body; a field that names no version changes nothing.
                 * @example "AZnA3npbfD2OHyo7TF1ufw-3"
                 */
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
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "-api-v1-revenues": {
                     *         "destination": "/api/v2/revenues/en-us",
                     *         "permanent": false
                     *       },
                     *       "/old/*": {
                     *         "destination": "/new/*",
                     *         "permanent": true
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["RedirectMap"];
                };
            };
            /** @description The client's copy is still current */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    redirectsExportCsv: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The ETag of the copy that the client has, a list of them, or `*` (RFC 9110, 13.1.2). The same version is answered with 304 and no body; a field that names no version changes nothing.
                 * @example "AZnA3npbfD2OHyo7TF1ufw-3"
                 */
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
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Content-Disposition": components["headers"]["Content-Disposition"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example source,destination,permanent,startsAt,endsAt
                     *     /old/*,/new/*,true,,
                     *     /sale,/winter,false,,2027-03-01T00:00:00.000Z
                     */
                    "text/csv": string;
                };
            };
            /** @description The client's copy is still current */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    redirectsExportNetlify: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The ETag of the copy that the client has, a list of them, or `*` (RFC 9110, 13.1.2). The same version is answered with 304 and no body; a field that names no version changes nothing.
                 * @example "AZnA3npbfD2OHyo7TF1ufw-3"
                 */
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
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Content-Disposition": components["headers"]["Content-Disposition"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            /** @description The client's copy is still current */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    redirectsImport: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A name for this create, new for each one. The same request with the same key has one effect and gets one answer for 24 hours; another body with the same key is refused with 422.
                 * @example 7f3e1b0c-post-welcome
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description What `/api/redirects/import` takes. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "-api-v1-revenues": {
                 *         "destination": "/api/v2/revenues/en-us",
                 *         "permanent": false
                 *       },
                 *       "/old/*": {
                 *         "destination": "/new/*",
                 *         "permanent": true
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["RedirectMap"];
            };
        };
        responses: {
            /** @description The new resource */
            201: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Location: components["headers"]["Location"];
                    "Idempotent-Replayed": components["headers"]["Idempotent-Replayed"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "created": 2,
                     *       "updated": 1,
                     *       "unchanged": 0
                     *     }
                     */
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
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableEntity"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    redirectsImportCsv: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A name for this create, new for each one. The same request with the same key has one effect and gets one answer for 24 hours; another body with the same key is refused with 422.
                 * @example 7f3e1b0c-post-welcome
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description What `/api/redirects/import/csv` takes. */
        requestBody: {
            content: {
                /**
                 * @example source,destination,permanent,startsAt,endsAt
                 *     /old/*,/new/*,true,,
                 *     /sale,/winter,false,,2027-03-01T00:00:00.000Z
                 */
                "text/csv": string;
            };
        };
        responses: {
            /** @description The new resource */
            201: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Location: components["headers"]["Location"];
                    "Idempotent-Replayed": components["headers"]["Idempotent-Replayed"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "created": 2,
                     *       "updated": 1,
                     *       "unchanged": 0
                     *     }
                     */
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
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableEntity"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    redirectsImportNetlify: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A name for this create, new for each one. The same request with the same key has one effect and gets one answer for 24 hours; another body with the same key is refused with 422.
                 * @example 7f3e1b0c-post-welcome
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description What `/api/redirects/import/netlify` takes. */
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
            /** @description The new resource */
            201: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Location: components["headers"]["Location"];
                    "Idempotent-Replayed": components["headers"]["Idempotent-Replayed"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "created": 2,
                     *       "updated": 1,
                     *       "unchanged": 0
                     *     }
                     */
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
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableEntity"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    redirectsRead: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The ETag of the copy that the client has, a list of them, or `*` (RFC 9110, 13.1.2). The same version is answered with 304 and no body; a field that names no version changes nothing.
                 * @example "AZnA3npbfD2OHyo7TF1ufw-3"
                 */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The source of the rule, with or without its first slash, or its key form: hyphens for slashes.
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
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Last-Modified": components["headers"]["Last-Modified"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "0199c0de-3333-7c3d-8e1f-2a3b4c5d6e7f",
                     *       "source": "/api/v1/revenues",
                     *       "kind": "exact",
                     *       "destination": "/api/v2/revenues/en-us",
                     *       "permanent": false,
                     *       "startsAt": "2025-11-20T09:00:00.000Z",
                     *       "endsAt": "2029-11-22T00:00:00.000Z",
                     *       "createdAt": "2025-11-21T09:00:00.000Z",
                     *       "updatedAt": "2025-11-21T09:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Redirect"];
                };
            };
            /** @description The client's copy is still current */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It has another address now */
            308: {
                headers: {
                    Location: components["headers"]["Location"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    redirectsReplace: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The ETag of the version that is to be changed, a list of them, or `*` (RFC 9110, 13.1.1). Another version is left alone and answered with 412, and so is a field that names no version; without the field the change is made on whatever is there, unless the service insists on it (428).
                 * @example *
                 */
                "If-Match"?: components["parameters"]["IfMatch"];
                /**
                 * @description The ETag of the copy that the client has, a list of them, or `*` (RFC 9110, 13.1.2). The same version is answered with 304 and no body; a field that names no version changes nothing.
                 * @example "AZnA3npbfD2OHyo7TF1ufw-3"
                 */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
                /**
                 * @description `return=minimal` asks for 204 without a body instead of the changed resource (RFC 7240). Other preferences change nothing.
                 * @example return=minimal
                 */
                Prefer?: components["parameters"]["Prefer"];
            };
            path: {
                /**
                 * @description The source of the rule, with or without its first slash, or its key form: hyphens for slashes.
                 * @example -api-v1-revenues
                 */
                key: string;
            };
            cookie?: never;
        };
        /** @description What `/api/redirects/{key}` takes. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "destination": "/api/v2/revenues/en-us",
                 *       "permanent": false,
                 *       "startsAt": "2025-11-20T09:00:00.000Z",
                 *       "endsAt": "2029-11-22T00:00:00.000Z"
                 *     }
                 */
                "application/json": components["schemas"]["RedirectReplacement"];
            };
        };
        responses: {
            /** @description The resource as it is now */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "0199c0de-3333-7c3d-8e1f-2a3b4c5d6e7f",
                     *       "source": "/api/v1/revenues",
                     *       "kind": "exact",
                     *       "destination": "/api/v2/revenues/en-us",
                     *       "permanent": false,
                     *       "startsAt": "2025-11-20T09:00:00.000Z",
                     *       "endsAt": "2029-11-22T00:00:00.000Z",
                     *       "createdAt": "2025-11-21T09:00:00.000Z",
                     *       "updatedAt": "2025-11-21T09:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Redirect"];
                };
            };
            /** @description The resource, new at this address */
            201: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Location: components["headers"]["Location"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "0199c0de-3333-7c3d-8e1f-2a3b4c5d6e7f",
                     *       "source": "/api/v1/revenues",
                     *       "kind": "exact",
                     *       "destination": "/api/v2/revenues/en-us",
                     *       "permanent": false,
                     *       "startsAt": "2025-11-20T09:00:00.000Z",
                     *       "endsAt": "2029-11-22T00:00:00.000Z",
                     *       "createdAt": "2025-11-21T09:00:00.000Z",
                     *       "updatedAt": "2025-11-21T09:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Redirect"];
                };
            };
            /** @description Changed; the client preferred no body */
            204: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It has another address now */
            308: {
                headers: {
                    Location: components["headers"]["Location"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            415: components["responses"]["UnsupportedMediaType"];
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    redirectsRemove: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The ETag of the version that is to be changed, a list of them, or `*` (RFC 9110, 13.1.1). Another version is left alone and answered with 412, and so is a field that names no version; without the field the change is made on whatever is there, unless the service insists on it (428).
                 * @example *
                 */
                "If-Match"?: components["parameters"]["IfMatch"];
            };
            path: {
                /**
                 * @description The source of the rule, with or without its first slash, or its key form: hyphens for slashes.
                 * @example -api-v1-revenues
                 */
                key: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done; there is nothing left to show */
            204: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It has another address now */
            308: {
                headers: {
                    Location: components["headers"]["Location"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    tagsList: {
        parameters: {
            query?: {
                /**
                 * @description The page, counted from 1. Not looked at beside `after`, which also reaches what lies behind page 10,000.
                 * @example 1
                 */
                page?: number;
                /**
                 * @description How many entries a page has at most.
                 * @example 10
                 */
                limit?: number;
                /**
                 * @description The `nextCursor` of the page before: the list goes on right behind that page's last entry, whatever
                 *     was added or removed meanwhile. A cursor belongs to its list, filters and sort.
                 * @example AVsxNzYzNzE3NDAwMDAwLHsiaWQiOiIwMTk5YzBkZSJ9XbG9zZQ
                 */
                after?: string;
                /**
                 * @description Whether `total` and `pages` are counted. Left out, they are counted for numbered pages, and not behind
                 *     a cursor.
                 * @example exact
                 */
                count?: components["schemas"]["Count"];
                /**
                 * @description Text that the slug contains.
                 * @example join
                 */
                q?: string;
                /**
                 * @description The order. Equal tags follow by slug.
                 * @example -postsCount
                 */
                sort?: components["schemas"]["TagSort"];
            };
            header?: {
                /**
                 * @description The ETag of the copy that the client has, a list of them, or `*` (RFC 9110, 13.1.2). The same version is answered with 304 and no body; a field that names no version changes nothing.
                 * @example "AZnA3npbfD2OHyo7TF1ufw-3"
                 */
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
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "data": [
                     *         {
                     *           "slug": "joinery",
                     *           "name": "Joinery",
                     *           "description": "Wood that holds without nails.",
                     *           "postsCount": 1,
                     *           "updatedAt": "2025-11-21T09:30:00.000Z"
                     *         }
                     *       ],
                     *       "pagination": {
                     *         "page": 1,
                     *         "limit": 10,
                     *         "total": 1,
                     *         "pages": 1
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["TagPage"];
                };
            };
            /** @description The client's copy is still current */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    tagsRead: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The ETag of the copy that the client has, a list of them, or `*` (RFC 9110, 13.1.2). The same version is answered with 304 and no body; a field that names no version changes nothing.
                 * @example "AZnA3npbfD2OHyo7TF1ufw-3"
                 */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The tag's slug.
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
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "slug": "joinery",
                     *       "name": "Joinery",
                     *       "description": "Wood that holds without nails.",
                     *       "postsCount": 1,
                     *       "updatedAt": "2025-11-21T09:30:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Tag"];
                };
            };
            /** @description The client's copy is still current */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    tagsReplace: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The ETag of the version that is to be changed, a list of them, or `*` (RFC 9110, 13.1.1). Another version is left alone and answered with 412, and so is a field that names no version; without the field the change is made on whatever is there, unless the service insists on it (428).
                 * @example *
                 */
                "If-Match"?: components["parameters"]["IfMatch"];
                /**
                 * @description The ETag of the copy that the client has, a list of them, or `*` (RFC 9110, 13.1.2). The same version is answered with 304 and no body; a field that names no version changes nothing.
                 * @example "AZnA3npbfD2OHyo7TF1ufw-3"
                 */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
                /**
                 * @description `return=minimal` asks for 204 without a body instead of the changed resource (RFC 7240). Other preferences change nothing.
                 * @example return=minimal
                 */
                Prefer?: components["parameters"]["Prefer"];
            };
            path: {
                /**
                 * @description The tag's slug.
                 * @example a-joint-that-fits
                 */
                slug: string;
            };
            cookie?: never;
        };
        /** @description What `/api/tags/{slug}` takes. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "name": "Joinery",
                 *       "description": "Wood that holds without nails."
                 *     }
                 */
                "application/json": components["schemas"]["TagReplacement"];
            };
        };
        responses: {
            /** @description The resource as it is now */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "slug": "joinery",
                     *       "name": "Joinery",
                     *       "description": "Wood that holds without nails.",
                     *       "postsCount": 1,
                     *       "updatedAt": "2025-11-21T09:30:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Tag"];
                };
            };
            /** @description The resource, new at this address */
            201: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Location: components["headers"]["Location"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "slug": "joinery",
                     *       "name": "Joinery",
                     *       "description": "Wood that holds without nails.",
                     *       "postsCount": 1,
                     *       "updatedAt": "2025-11-21T09:30:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Tag"];
                };
            };
            /** @description Changed; the client preferred no body */
            204: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            415: components["responses"]["UnsupportedMediaType"];
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    tagsRemove: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The ETag of the version that is to be changed, a list of them, or `*` (RFC 9110, 13.1.1). Another version is left alone and answered with 412, and so is a field that names no version; without the field the change is made on whatever is there, unless the service insists on it (428).
                 * @example *
                 */
                "If-Match"?: components["parameters"]["IfMatch"];
            };
            path: {
                /**
                 * @description The tag's slug.
                 * @example a-joint-that-fits
                 */
                slug: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done; there is nothing left to show */
            204: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    tagsPatch: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The ETag of the version that is to be changed, a list of them, or `*` (RFC 9110, 13.1.1). Another version is left alone and answered with 412, and so is a field that names no version; without the field the change is made on whatever is there, unless the service insists on it (428).
                 * @example *
                 */
                "If-Match"?: components["parameters"]["IfMatch"];
                /**
                 * @description `return=minimal` asks for 204 without a body instead of the changed resource (RFC 7240). Other preferences change nothing.
                 * @example return=minimal
                 */
                Prefer?: components["parameters"]["Prefer"];
            };
            path: {
                /**
                 * @description The tag's slug.
                 * @example a-joint-that-fits
                 */
                slug: string;
            };
            cookie?: never;
        };
        /** @description What `/api/tags/{slug}` takes. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "name": "Fine joinery",
                 *       "slug": "fine-joinery",
                 *       "description": "Wood that holds without nails."
                 *     }
                 */
                "application/merge-patch+json": components["schemas"]["TagPatch"];
                /**
                 * @example {
                 *       "name": "Fine joinery",
                 *       "slug": "fine-joinery",
                 *       "description": "Wood that holds without nails."
                 *     }
                 */
                "application/json": components["schemas"]["TagPatch"];
            };
        };
        responses: {
            /** @description The resource as it is now */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "slug": "joinery",
                     *       "name": "Joinery",
                     *       "description": "Wood that holds without nails.",
                     *       "postsCount": 1,
                     *       "updatedAt": "2025-11-21T09:30:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Tag"];
                };
            };
            /** @description Changed; the client preferred no body */
            204: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            415: components["responses"]["UnsupportedMediaType"];
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    mediaUpload: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A name for this create, new for each one. The same request with the same key has one effect and gets one answer for 24 hours; another body with the same key is refused with 422.
                 * @example 7f3e1b0c-post-welcome
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description A form with the picture as its part `file`. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "file": "GIF89a…",
                 *       "alt": "A joint that fits"
                 *     }
                 */
                "multipart/form-data": components["schemas"]["NewMedia"];
            };
        };
        responses: {
            /** @description The same picture was there already */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Location: components["headers"]["Location"];
                    "Idempotent-Replayed": components["headers"]["Idempotent-Replayed"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
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
                     *       "alt": "A dovetail joint, seen from the side",
                     *       "focusX": 0.5,
                     *       "focusY": 0.25,
                     *       "variants": [
                     *         {
                     *           "url": "/media/7d0f1c9a3b5e4f6081a2b3c4d5e6f708.jpg?w=640&format=webp",
                     *           "width": 640,
                     *           "height": 480
                     *         }
                     *       ],
                     *       "uploadedBy": "0199c0de-1111-7c3d-8e1f-2a3b4c5d6e7f",
                     *       "createdAt": "2025-11-20T09:00:00.000Z",
                     *       "updatedAt": "2025-11-21T09:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Media"];
                };
            };
            /** @description The new resource */
            201: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Location: components["headers"]["Location"];
                    "Idempotent-Replayed": components["headers"]["Idempotent-Replayed"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
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
                     *       "alt": "A dovetail joint, seen from the side",
                     *       "focusX": 0.5,
                     *       "focusY": 0.25,
                     *       "variants": [
                     *         {
                     *           "url": "/media/7d0f1c9a3b5e4f6081a2b3c4d5e6f708.jpg?w=640&format=webp",
                     *           "width": 640,
                     *           "height": 480
                     *         }
                     *       ],
                     *       "uploadedBy": "0199c0de-1111-7c3d-8e1f-2a3b4c5d6e7f",
                     *       "createdAt": "2025-11-20T09:00:00.000Z",
                     *       "updatedAt": "2025-11-21T09:00:00.000Z"
                     *     }
                     */
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
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableEntity"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    usersList: {
        parameters: {
            query?: {
                /**
                 * @description The page, counted from 1. Not looked at beside `after`, which also reaches what lies behind page 10,000.
                 * @example 1
                 */
                page?: number;
                /**
                 * @description How many entries a page has at most.
                 * @example 10
                 */
                limit?: number;
                /**
                 * @description The `nextCursor` of the page before: the list goes on right behind that page's last entry, whatever
                 *     was added or removed meanwhile. A cursor belongs to its list, filters and sort.
                 * @example AVsxNzYzNzE3NDAwMDAwLHsiaWQiOiIwMTk5YzBkZSJ9XbG9zZQ
                 */
                after?: string;
                /**
                 * @description Whether `total` and `pages` are counted. Left out, they are counted for numbered pages, and not behind
                 *     a cursor.
                 * @example exact
                 */
                count?: components["schemas"]["Count"];
                /**
                 * @description Accounts of this role.
                 * @example editor
                 */
                role?: components["schemas"]["Role"];
                /**
                 * @description Accounts in this state.
                 * @example active
                 */
                status?: components["schemas"]["Status"];
                /**
                 * @description Words that the name or the e-mail address contains, whatever the case of their ASCII letters.
                 * @example turner
                 */
                q?: string;
                /**
                 * @description The order: the name of a member, with `-` for falling. Equal accounts follow by id.
                 * @example name
                 */
                sort?: string;
            };
            header?: {
                /**
                 * @description The ETag of the copy that the client has, a list of them, or `*` (RFC 9110, 13.1.2). The same version is answered with 304 and no body; a field that names no version changes nothing.
                 * @example "AZnA3npbfD2OHyo7TF1ufw-3"
                 */
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
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "data": [
                     *         {
                     *           "id": "0199c0de-1111-7c3d-8e1f-2a3b4c5d6e7f",
                     *           "email": "ada@acme.test",
                     *           "name": "Ada Turner",
                     *           "bio": "Writes about wood and contracts.",
                     *           "url": "https://ada.acme.test/",
                     *           "avatarUrl": "https://www.acme.test/ada.webp",
                     *           "role": "editor",
                     *           "status": "active",
                     *           "createdAt": "2025-11-20T09:00:00.000Z",
                     *           "updatedAt": "2025-11-21T09:00:00.000Z"
                     *         }
                     *       ],
                     *       "pagination": {
                     *         "page": 1,
                     *         "limit": 10,
                     *         "total": 1,
                     *         "pages": 1
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["UserPage"];
                };
            };
            /** @description The client's copy is still current */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    usersCreate: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A name for this create, new for each one. The same request with the same key has one effect and gets one answer for 24 hours; another body with the same key is refused with 422.
                 * @example 7f3e1b0c-post-welcome
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description What `/api/users` takes. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "email": "ada@acme.test",
                 *       "name": "Ada Turner",
                 *       "password": "mortise and tenon",
                 *       "role": "editor"
                 *     }
                 */
                "application/json": components["schemas"]["NewUser"];
            };
        };
        responses: {
            /** @description The new resource */
            201: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Location: components["headers"]["Location"];
                    "Idempotent-Replayed": components["headers"]["Idempotent-Replayed"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
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
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableEntity"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    usersRead: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The ETag of the copy that the client has, a list of them, or `*` (RFC 9110, 13.1.2). The same version is answered with 304 and no body; a field that names no version changes nothing.
                 * @example "AZnA3npbfD2OHyo7TF1ufw-3"
                 */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The user's id.
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
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Last-Modified": components["headers"]["Last-Modified"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
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
                    "application/json": components["schemas"]["User"];
                };
            };
            /** @description The client's copy is still current */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    usersRemove: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The ETag of the version that is to be changed, a list of them, or `*` (RFC 9110, 13.1.1). Another version is left alone and answered with 412, and so is a field that names no version; without the field the change is made on whatever is there, unless the service insists on it (428).
                 * @example *
                 */
                "If-Match"?: components["parameters"]["IfMatch"];
            };
            path: {
                /**
                 * @description The user's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done; there is nothing left to show */
            204: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    usersPatch: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The ETag of the version that is to be changed, a list of them, or `*` (RFC 9110, 13.1.1). Another version is left alone and answered with 412, and so is a field that names no version; without the field the change is made on whatever is there, unless the service insists on it (428).
                 * @example *
                 */
                "If-Match"?: components["parameters"]["IfMatch"];
                /**
                 * @description `return=minimal` asks for 204 without a body instead of the changed resource (RFC 7240). Other preferences change nothing.
                 * @example return=minimal
                 */
                Prefer?: components["parameters"]["Prefer"];
            };
            path: {
                /**
                 * @description The user's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        /** @description What `/api/users/{id}` takes. */
        requestBody: {
            content: {
                /**
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
                "application/merge-patch+json": components["schemas"]["UserPatch"];
                /**
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
                "application/json": components["schemas"]["UserPatch"];
            };
        };
        responses: {
            /** @description The resource as it is now */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
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
                    "application/json": components["schemas"]["User"];
                };
            };
            /** @description Changed; the client preferred no body */
            204: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            415: components["responses"]["UnsupportedMediaType"];
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    invoicesListV1: {
        parameters: {
            query?: {
                /**
                 * @description The page, counted from 1. Not looked at beside `after`, which also reaches what lies behind page 10,000.
                 * @example 1
                 */
                page?: number;
                /**
                 * @description How many entries a page has at most.
                 * @example 10
                 */
                limit?: number;
                /**
                 * @description The `nextCursor` of the page before: the list goes on right behind that page's last entry, whatever
                 *     was added or removed meanwhile. A cursor belongs to its list, filters and sort.
                 * @example AVsxNzYzNzE3NDAwMDAwLHsiaWQiOiIwMTk5YzBkZSJ9XbG9zZQ
                 */
                after?: string;
                /**
                 * @description Whether `total` and `pages` are counted. Left out, they are counted for numbered pages, and not behind
                 *     a cursor.
                 * @example exact
                 */
                count?: components["schemas"]["Count"];
                /**
                 * @description Invoices that are this far.
                 * @example pending
                 */
                status?: components["schemas"]["InvoiceStatus"];
                /**
                 * @description The order, with `-` for falling. Equal invoices follow by id.
                 * @example -date
                 */
                sort?: string;
                /**
                 * @description `off` lists the invoices here, whatever the client's country is.
                 * @example off
                 */
                geo?: components["schemas"]["Geo"];
            };
            header?: {
                /**
                 * @description The ETag of the copy that the client has, a list of them, or `*` (RFC 9110, 13.1.2). The same version is answered with 304 and no body; a field that names no version changes nothing.
                 * @example "AZnA3npbfD2OHyo7TF1ufw-3"
                 */
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
                    "Cache-Control": components["headers"]["Cache-Control"];
                    Deprecation: components["headers"]["Deprecation"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    Sunset: components["headers"]["Sunset"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "data": [
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
                     *       "pagination": {
                     *         "page": 1,
                     *         "limit": 10,
                     *         "total": 1,
                     *         "pages": 1
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["InvoiceSummaryPage"];
                };
            };
            /** @description Clients of this one's country have a view of their own: there, with the same query */
            302: {
                headers: {
                    Location: components["headers"]["Location"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    Deprecation: components["headers"]["Deprecation"];
                    Sunset: components["headers"]["Sunset"];
                    Link: components["headers"]["Link.deprecated"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The client's copy is still current */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            429: components["responses"]["TooManyRequestsDeprecated"];
            500: components["responses"]["InternalServerErrorDeprecated"];
            503: components["responses"]["ServiceUnavailableDeprecated"];
        };
    };
    customersList: {
        parameters: {
            query?: {
                /**
                 * @description The page, counted from 1. Not looked at beside `after`, which also reaches what lies behind page 10,000.
                 * @example 1
                 */
                page?: number;
                /**
                 * @description How many entries a page has at most.
                 * @example 10
                 */
                limit?: number;
                /**
                 * @description The `nextCursor` of the page before: the list goes on right behind that page's last entry, whatever
                 *     was added or removed meanwhile. A cursor belongs to its list, filters and sort.
                 * @example AVsxNzYzNzE3NDAwMDAwLHsiaWQiOiIwMTk5YzBkZSJ9XbG9zZQ
                 */
                after?: string;
                /**
                 * @description Whether `total` and `pages` are counted. Left out, they are counted for numbered pages, and not behind
                 *     a cursor.
                 * @example exact
                 */
                count?: components["schemas"]["Count"];
                /**
                 * @description The customer with this e-mail address, whatever its case.
                 * @example evil@rabbit.acme.test
                 */
                email?: string;
                /**
                 * @description Customers that were written down at this time or later.
                 * @example 2026-01-01T00:00:00.000Z
                 */
                "createdAt[gte]"?: string;
                /**
                 * @description Customers that were written down before this time.
                 * @example 2027-01-01T00:00:00.000Z
                 */
                "createdAt[lt]"?: string;
                /**
                 * @description Words that the name or the e-mail address contain, whatever their case or accents.
                 * @example rabbit
                 */
                q?: string;
                /**
                 * @description The order: names of members between commas, each with `-` for falling. Equal customers follow by id.
                 * @example name,-createdAt
                 */
                sort?: string;
                /**
                 * @description Which members come along beside the id, between commas; left out: all.
                 * @example id,name,email
                 */
                fields?: string;
            };
            header?: {
                /**
                 * @description The ETag of the copy that the client has, a list of them, or `*` (RFC 9110, 13.1.2). The same version is answered with 304 and no body; a field that names no version changes nothing.
                 * @example "AZnA3npbfD2OHyo7TF1ufw-3"
                 */
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
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "data": [
                     *         {
                     *           "id": "0199c0de-2222-7c3d-8e1f-2a3b4c5d6e7f",
                     *           "name": "Evil Rabbit",
                     *           "email": "evil@rabbit.acme.test",
                     *           "imageUrl": "/customers/evil-rabbit.png",
                     *           "invoicesCount": 1,
                     *           "createdAt": "2025-11-20T09:00:00.000Z",
                     *           "updatedAt": "2025-11-21T09:00:00.000Z"
                     *         }
                     *       ],
                     *       "pagination": {
                     *         "page": 1,
                     *         "limit": 10,
                     *         "total": 1,
                     *         "pages": 1
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["CustomerSummaryPage"];
                };
            };
            /** @description The client's copy is still current */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    customersCreate: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A name for this create, new for each one. The same request with the same key has one effect and gets one answer for 24 hours; another body with the same key is refused with 422.
                 * @example 7f3e1b0c-post-welcome
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description What `/api/v2/customers` takes. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "name": "Evil Rabbit",
                 *       "email": "evil@rabbit.acme.test",
                 *       "imageUrl": "/customers/evil-rabbit.png"
                 *     }
                 */
                "application/json": components["schemas"]["NewCustomer"];
            };
        };
        responses: {
            /** @description The new resource */
            201: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Location: components["headers"]["Location"];
                    "Idempotent-Replayed": components["headers"]["Idempotent-Replayed"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
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
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableEntity"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    customersRead: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The ETag of the copy that the client has, a list of them, or `*` (RFC 9110, 13.1.2). The same version is answered with 304 and no body; a field that names no version changes nothing.
                 * @example "AZnA3npbfD2OHyo7TF1ufw-3"
                 */
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
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Last-Modified": components["headers"]["Last-Modified"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
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
                    "application/json": components["schemas"]["Customer"];
                };
            };
            /** @description The client's copy is still current */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    customersReplace: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The ETag of the version that is to be changed, a list of them, or `*` (RFC 9110, 13.1.1). Another version is left alone and answered with 412, and so is a field that names no version; without the field the change is made on whatever is there, unless the service insists on it (428).
                 * @example *
                 */
                "If-Match"?: components["parameters"]["IfMatch"];
                /**
                 * @description `return=minimal` asks for 204 without a body instead of the changed resource (RFC 7240). Other preferences change nothing.
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
        /** @description What `/api/v2/customers/{id}` takes. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "name": "Evil Rabbit",
                 *       "email": "evil@rabbit.acme.test",
                 *       "imageUrl": "/customers/evil-rabbit.png"
                 *     }
                 */
                "application/json": components["schemas"]["NewCustomer"];
            };
        };
        responses: {
            /** @description The resource as it is now */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
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
                    "application/json": components["schemas"]["Customer"];
                };
            };
            /** @description Changed; the client preferred no body */
            204: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            415: components["responses"]["UnsupportedMediaType"];
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    customersRemove: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The ETag of the version that is to be changed, a list of them, or `*` (RFC 9110, 13.1.1). Another version is left alone and answered with 412, and so is a field that names no version; without the field the change is made on whatever is there, unless the service insists on it (428).
                 * @example *
                 */
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
            /** @description Done; there is nothing left to show */
            204: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    customersPatch: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The ETag of the version that is to be changed, a list of them, or `*` (RFC 9110, 13.1.1). Another version is left alone and answered with 412, and so is a field that names no version; without the field the change is made on whatever is there, unless the service insists on it (428).
                 * @example *
                 */
                "If-Match"?: components["parameters"]["IfMatch"];
                /**
                 * @description `return=minimal` asks for 204 without a body instead of the changed resource (RFC 7240). Other preferences change nothing.
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
        /** @description What `/api/v2/customers/{id}` takes. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "name": "The Evil Rabbit",
                 *       "email": "evil@rabbit.acme.test",
                 *       "imageUrl": "/customers/evil-rabbit.png"
                 *     }
                 */
                "application/merge-patch+json": components["schemas"]["CustomerPatch"];
                /**
                 * @example {
                 *       "name": "The Evil Rabbit",
                 *       "email": "evil@rabbit.acme.test",
                 *       "imageUrl": "/customers/evil-rabbit.png"
                 *     }
                 */
                "application/json": components["schemas"]["CustomerPatch"];
            };
        };
        responses: {
            /** @description The resource as it is now */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
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
                    "application/json": components["schemas"]["Customer"];
                };
            };
            /** @description Changed; the client preferred no body */
            204: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            415: components["responses"]["UnsupportedMediaType"];
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    dashboardRead: {
        parameters: {
            query?: {
                /**
                 * @description The locale whose currency everything is shown in; left out, the first one of the service.
                 * @example fr
                 */
                locale?: string;
            };
            header?: {
                /**
                 * @description The ETag of the copy that the client has, a list of them, or `*` (RFC 9110, 13.1.2). The same version is answered with 304 and no body; a field that names no version changes nothing.
                 * @example "AZnA3npbfD2OHyo7TF1ufw-3"
                 */
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
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Content-Language": components["headers"]["Content-Language"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
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
                    "application/json": components["schemas"]["Dashboard"];
                };
            };
            /** @description The client's copy is still current */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Content-Language": components["headers"]["Content-Language"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    invoicesNegotiate: {
        parameters: {
            query?: {
                /**
                 * @description The page, counted from 1. Not looked at beside `after`, which also reaches what lies behind page 10,000.
                 * @example 1
                 */
                page?: number;
                /**
                 * @description How many entries a page has at most.
                 * @example 10
                 */
                limit?: number;
                /**
                 * @description The `nextCursor` of the page before: the list goes on right behind that page's last entry, whatever
                 *     was added or removed meanwhile. A cursor belongs to its list, filters and sort.
                 * @example AVsxNzYzNzE3NDAwMDAwLHsiaWQiOiIwMTk5YzBkZSJ9XbG9zZQ
                 */
                after?: string;
                /**
                 * @description Whether `total` and `pages` are counted. Left out, they are counted for numbered pages, and not behind
                 *     a cursor.
                 * @example exact
                 */
                count?: components["schemas"]["Count"];
                /**
                 * @description Invoices that are this far.
                 * @example pending
                 */
                status?: components["schemas"]["InvoiceStatus"];
                /**
                 * @description Invoices of this customer.
                 * @example 0199c0de-2222-7c3d-8e1f-2a3b4c5d6e7f
                 */
                customer?: string;
                /**
                 * @description Invoices that were made out in this currency.
                 * @example USD
                 */
                currency?: string;
                /**
                 * @description Invoices of this day or later.
                 * @example 2025-11-21
                 */
                "date[gte]"?: string;
                /**
                 * @description Invoices of before this day.
                 * @example 2026-12-01
                 */
                "date[lt]"?: string;
                /**
                 * @description Words that the customer's name or e-mail address contain, whatever their case or accents.
                 * @example rabbit
                 */
                q?: string;
                /**
                 * @description The order: names of members between commas, each with `-` for falling. Equal invoices follow by id.
                 * @example -date
                 */
                sort?: string;
                /**
                 * @description Which members come along beside the id, between commas; left out: all but the customer. `amount` brings the
                 *     currency and what was converted, and `customer` who it is, as `expand=customer` does.
                 * @example amount,status
                 */
                fields?: string;
                /**
                 * @description `customer` adds who it is, whatever `fields` says.
                 * @example customer
                 */
                expand?: components["schemas"]["InvoiceExpand"];
            };
            header?: {
                /**
                 * @description The languages that the client would like, each with a weight (RFC 9110, 12.5.4). Ranges that cannot be read, and languages that are not there, are passed over.
                 * @example fr-CA, fr;q=0.9, en;q=0.5
                 */
                "Accept-Language"?: components["parameters"]["AcceptLanguage"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The list in the locale that suits the client best, with the same query */
            307: {
                headers: {
                    Location: components["headers"]["Location"];
                    "Content-Language": components["headers"]["Content-Language"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    invoicesList: {
        parameters: {
            query?: {
                /**
                 * @description The page, counted from 1. Not looked at beside `after`, which also reaches what lies behind page 10,000.
                 * @example 1
                 */
                page?: number;
                /**
                 * @description How many entries a page has at most.
                 * @example 10
                 */
                limit?: number;
                /**
                 * @description The `nextCursor` of the page before: the list goes on right behind that page's last entry, whatever
                 *     was added or removed meanwhile. A cursor belongs to its list, filters and sort.
                 * @example AVsxNzYzNzE3NDAwMDAwLHsiaWQiOiIwMTk5YzBkZSJ9XbG9zZQ
                 */
                after?: string;
                /**
                 * @description Whether `total` and `pages` are counted. Left out, they are counted for numbered pages, and not behind
                 *     a cursor.
                 * @example exact
                 */
                count?: components["schemas"]["Count"];
                /**
                 * @description Invoices that are this far.
                 * @example pending
                 */
                status?: components["schemas"]["InvoiceStatus"];
                /**
                 * @description Invoices of this customer.
                 * @example 0199c0de-2222-7c3d-8e1f-2a3b4c5d6e7f
                 */
                customer?: string;
                /**
                 * @description Invoices that were made out in this currency.
                 * @example USD
                 */
                currency?: string;
                /**
                 * @description Invoices of this day or later.
                 * @example 2025-11-21
                 */
                "date[gte]"?: string;
                /**
                 * @description Invoices of before this day.
                 * @example 2026-12-01
                 */
                "date[lt]"?: string;
                /**
                 * @description Words that the customer's name or e-mail address contain, whatever their case or accents.
                 * @example rabbit
                 */
                q?: string;
                /**
                 * @description The order: names of members between commas, each with `-` for falling. Equal invoices follow by id.
                 * @example -date
                 */
                sort?: string;
                /**
                 * @description Which members come along beside the id, between commas; left out: all but the customer. `amount` brings the
                 *     currency and what was converted, and `customer` who it is, as `expand=customer` does.
                 * @example amount,status
                 */
                fields?: string;
                /**
                 * @description `customer` adds who it is, whatever `fields` says.
                 * @example customer
                 */
                expand?: components["schemas"]["InvoiceExpand"];
            };
            header?: {
                /**
                 * @description The ETag of the copy that the client has, a list of them, or `*` (RFC 9110, 13.1.2). The same version is answered with 304 and no body; a field that names no version changes nothing.
                 * @example "AZnA3npbfD2OHyo7TF1ufw-3"
                 */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The locale, such as `en-us` or `fr`.
                 * @example en-us
                 */
                locale: string;
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
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Content-Language": components["headers"]["Content-Language"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "data": [
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
                     *       "pagination": {
                     *         "page": 1,
                     *         "limit": 10,
                     *         "total": 1,
                     *         "pages": 1
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["InvoiceSummaryPage"];
                };
            };
            /** @description The client's copy is still current */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Content-Language": components["headers"]["Content-Language"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    invoicesCreate: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A name for this create, new for each one. The same request with the same key has one effect and gets one answer for 24 hours; another body with the same key is refused with 422.
                 * @example 7f3e1b0c-post-welcome
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                /**
                 * @description The locale, such as `en-us` or `fr`.
                 * @example en-us
                 */
                locale: string;
            };
            cookie?: never;
        };
        /** @description What `/api/v2/invoices/{locale}` takes. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "customerId": "0199c0de-2222-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "amount": 15795,
                 *       "status": "pending",
                 *       "date": "2025-11-21"
                 *     }
                 */
                "application/json": components["schemas"]["NewInvoice"];
            };
        };
        responses: {
            /** @description The new resource */
            201: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Location: components["headers"]["Location"];
                    "Idempotent-Replayed": components["headers"]["Idempotent-Replayed"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Content-Language": components["headers"]["Content-Language"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
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
                     *       "createdAt": "2025-11-21T09:00:00.000Z",
                     *       "updatedAt": "2025-11-21T09:00:00.000Z"
                     *     }
                     */
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
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableEntity"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    invoicesCsv: {
        parameters: {
            query?: {
                /**
                 * @description Invoices that are this far.
                 * @example pending
                 */
                status?: components["schemas"]["InvoiceStatus"];
                /**
                 * @description Invoices of this customer.
                 * @example 0199c0de-2222-7c3d-8e1f-2a3b4c5d6e7f
                 */
                customer?: string;
                /**
                 * @description Invoices that were made out in this currency.
                 * @example USD
                 */
                currency?: string;
                /**
                 * @description Invoices of this day or later.
                 * @example 2025-11-21
                 */
                "date[gte]"?: string;
                /**
                 * @description Invoices of before this day.
                 * @example 2026-12-01
                 */
                "date[lt]"?: string;
                /**
                 * @description Words that the customer's name or e-mail address contain, whatever their case or accents.
                 * @example rabbit
                 */
                q?: string;
                /**
                 * @description The order: names of members between commas, each with `-` for falling. Equal invoices follow by id.
                 * @example -date
                 */
                sort?: string;
                /**
                 * @description Which columns come along beside the id, between commas; left out: all. `amount` brings the currency and what
                 *     was converted, `customer` the name and the e-mail address.
                 * @example date,amount,status,customer
                 */
                fields?: string;
                /**
                 * @description Whether the file begins with a byte order mark, which spreadsheets look for.
                 * @example false
                 */
                bom?: boolean;
            };
            header?: {
                /**
                 * @description The ETag of the copy that the client has, a list of them, or `*` (RFC 9110, 13.1.2). The same version is answered with 304 and no body; a field that names no version changes nothing.
                 * @example "AZnA3npbfD2OHyo7TF1ufw-3"
                 */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The locale, such as `en-us` or `fr`.
                 * @example en-us
                 */
                locale: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The table (RFC 4180), with a line of names */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Content-Disposition": components["headers"]["Content-Disposition"];
                    "Content-Language": components["headers"]["Content-Language"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            /** @description The client's copy is still current */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Content-Language": components["headers"]["Content-Language"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    invoicesNdjson: {
        parameters: {
            query?: {
                /**
                 * @description Invoices that are this far.
                 * @example pending
                 */
                status?: components["schemas"]["InvoiceStatus"];
                /**
                 * @description Invoices of this customer.
                 * @example 0199c0de-2222-7c3d-8e1f-2a3b4c5d6e7f
                 */
                customer?: string;
                /**
                 * @description Invoices that were made out in this currency.
                 * @example USD
                 */
                currency?: string;
                /**
                 * @description Invoices of this day or later.
                 * @example 2025-11-21
                 */
                "date[gte]"?: string;
                /**
                 * @description Invoices of before this day.
                 * @example 2026-12-01
                 */
                "date[lt]"?: string;
                /**
                 * @description Words that the customer's name or e-mail address contain, whatever their case or accents.
                 * @example rabbit
                 */
                q?: string;
                /**
                 * @description The order: names of members between commas, each with `-` for falling. Equal invoices follow by id.
                 * @example -date
                 */
                sort?: string;
                /**
                 * @description Which members come along beside the id, between commas; left out: all but the customer. `amount` brings the
                 *     currency and what was converted, and `customer` who it is, as `expand=customer` does.
                 * @example amount,status
                 */
                fields?: string;
                /**
                 * @description `customer` adds who it is, whatever `fields` says.
                 * @example customer
                 */
                expand?: components["schemas"]["InvoiceExpand"];
            };
            header?: {
                /**
                 * @description The ETag of the copy that the client has, a list of them, or `*` (RFC 9110, 13.1.2). The same version is answered with 304 and no body; a field that names no version changes nothing.
                 * @example "AZnA3npbfD2OHyo7TF1ufw-3"
                 */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The locale, such as `en-us` or `fr`.
                 * @example en-us
                 */
                locale: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description In each line one JSON text of this schema */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Content-Disposition": components["headers"]["Content-Disposition"];
                    "Content-Language": components["headers"]["Content-Language"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
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
                    "application/x-ndjson": components["schemas"]["InvoiceSummary"];
                };
            };
            /** @description The client's copy is still current */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Content-Language": components["headers"]["Content-Language"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    invoicesRead: {
        parameters: {
            query?: {
                /**
                 * @description `customer` adds who it is.
                 * @example customer
                 */
                expand?: components["schemas"]["InvoiceExpand"];
            };
            header?: {
                /**
                 * @description The ETag of the copy that the client has, a list of them, or `*` (RFC 9110, 13.1.2). The same version is answered with 304 and no body; a field that names no version changes nothing.
                 * @example "AZnA3npbfD2OHyo7TF1ufw-3"
                 */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The locale, such as `en-us` or `fr`.
                 * @example en-us
                 */
                locale: string;
                /**
                 * @description The invoice's id.
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
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Last-Modified": components["headers"]["Last-Modified"];
                    "Content-Language": components["headers"]["Content-Language"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
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
                     *       "createdAt": "2025-11-21T09:00:00.000Z",
                     *       "updatedAt": "2025-11-21T09:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Invoice"];
                };
            };
            /** @description The client's copy is still current */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Content-Language": components["headers"]["Content-Language"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    invoicesReplace: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The ETag of the version that is to be changed, a list of them, or `*` (RFC 9110, 13.1.1). Another version is left alone and answered with 412, and so is a field that names no version; without the field the change is made on whatever is there, unless the service insists on it (428).
                 * @example *
                 */
                "If-Match"?: components["parameters"]["IfMatch"];
                /**
                 * @description `return=minimal` asks for 204 without a body instead of the changed resource (RFC 7240). Other preferences change nothing.
                 * @example return=minimal
                 */
                Prefer?: components["parameters"]["Prefer"];
            };
            path: {
                /**
                 * @description The locale, such as `en-us` or `fr`.
                 * @example en-us
                 */
                locale: string;
                /**
                 * @description The invoice's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        /** @description What `/api/v2/invoices/{locale}/{id}` takes. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "customerId": "0199c0de-2222-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "amount": 15795,
                 *       "status": "pending",
                 *       "date": "2025-11-21"
                 *     }
                 */
                "application/json": components["schemas"]["NewInvoice"];
            };
        };
        responses: {
            /** @description The resource as it is now */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Content-Language": components["headers"]["Content-Language"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
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
                     *       "createdAt": "2025-11-21T09:00:00.000Z",
                     *       "updatedAt": "2025-11-21T09:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Invoice"];
                };
            };
            /** @description Changed; the client preferred no body */
            204: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Content-Language": components["headers"]["Content-Language"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            415: components["responses"]["UnsupportedMediaType"];
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    invoicesRemove: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The ETag of the version that is to be changed, a list of them, or `*` (RFC 9110, 13.1.1). Another version is left alone and answered with 412, and so is a field that names no version; without the field the change is made on whatever is there, unless the service insists on it (428).
                 * @example *
                 */
                "If-Match"?: components["parameters"]["IfMatch"];
            };
            path: {
                /**
                 * @description The locale, such as `en-us` or `fr`.
                 * @example en-us
                 */
                locale: string;
                /**
                 * @description The invoice's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done; there is nothing left to show */
            204: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    invoicesPatch: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The ETag of the version that is to be changed, a list of them, or `*` (RFC 9110, 13.1.1). Another version is left alone and answered with 412, and so is a field that names no version; without the field the change is made on whatever is there, unless the service insists on it (428).
                 * @example *
                 */
                "If-Match"?: components["parameters"]["IfMatch"];
                /**
                 * @description `return=minimal` asks for 204 without a body instead of the changed resource (RFC 7240). Other preferences change nothing.
                 * @example return=minimal
                 */
                Prefer?: components["parameters"]["Prefer"];
            };
            path: {
                /**
                 * @description The locale, such as `en-us` or `fr`.
                 * @example en-us
                 */
                locale: string;
                /**
                 * @description The invoice's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        /** @description What `/api/v2/invoices/{locale}/{id}` takes. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "customerId": "0199c0de-2222-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "amount": 15795,
                 *       "status": "paid",
                 *       "date": "2025-11-21"
                 *     }
                 */
                "application/merge-patch+json": components["schemas"]["InvoicePatch"];
                /**
                 * @example {
                 *       "customerId": "0199c0de-2222-7c3d-8e1f-2a3b4c5d6e7f",
                 *       "amount": 15795,
                 *       "status": "paid",
                 *       "date": "2025-11-21"
                 *     }
                 */
                "application/json": components["schemas"]["InvoicePatch"];
            };
        };
        responses: {
            /** @description The resource as it is now */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Content-Language": components["headers"]["Content-Language"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
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
                     *       "createdAt": "2025-11-21T09:00:00.000Z",
                     *       "updatedAt": "2025-11-21T09:00:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Invoice"];
                };
            };
            /** @description Changed; the client preferred no body */
            204: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Content-Language": components["headers"]["Content-Language"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            415: components["responses"]["UnsupportedMediaType"];
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    invoicesPdf: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The ETag of the copy that the client has, a list of them, or `*` (RFC 9110, 13.1.2). The same version is answered with 304 and no body; a field that names no version changes nothing.
                 * @example "AZnA3npbfD2OHyo7TF1ufw-3"
                 */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The locale, such as `en-us` or `fr`.
                 * @example en-us
                 */
                locale: string;
                /**
                 * @description The invoice's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The document as PDF */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Content-Disposition": components["headers"]["Content-Disposition"];
                    "Content-Language": components["headers"]["Content-Language"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /** @example %PDF-1.7 … */
                    "application/pdf": string;
                };
            };
            /** @description The client's copy is still current */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Content-Language": components["headers"]["Content-Language"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    revenuesNegotiate: {
        parameters: {
            query?: {
                /**
                 * @description The page, counted from 1. Not looked at beside `after`.
                 * @example 1
                 */
                page?: number;
                /**
                 * @description How many months a page has at most.
                 * @example 12
                 */
                limit?: number;
                /**
                 * @description The `nextCursor` of the page before.
                 * @example AVsxNzYzNzE3NDAwMDAwLHsiaWQiOiIwMTk5YzBkZSJ9XbG9zZQ
                 */
                after?: string;
                /**
                 * @description Whether `total` and `pages` are counted. Left out, they are counted for numbered pages, and not behind
                 *     a cursor.
                 * @example exact
                 */
                count?: components["schemas"]["Count"];
                /**
                 * @description The order, with `-` for falling; left out, the newest month comes first.
                 * @example -month
                 */
                sort?: string;
            };
            header?: {
                /**
                 * @description The languages that the client would like, each with a weight (RFC 9110, 12.5.4). Ranges that cannot be read, and languages that are not there, are passed over.
                 * @example fr-CA, fr;q=0.9, en;q=0.5
                 */
                "Accept-Language"?: components["parameters"]["AcceptLanguage"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The list in the locale that suits the client best, with the same query */
            307: {
                headers: {
                    Location: components["headers"]["Location"];
                    "Content-Language": components["headers"]["Content-Language"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    revenuesList: {
        parameters: {
            query?: {
                /**
                 * @description The page, counted from 1. Not looked at beside `after`.
                 * @example 1
                 */
                page?: number;
                /**
                 * @description How many months a page has at most.
                 * @example 12
                 */
                limit?: number;
                /**
                 * @description The `nextCursor` of the page before.
                 * @example AVsxNzYzNzE3NDAwMDAwLHsiaWQiOiIwMTk5YzBkZSJ9XbG9zZQ
                 */
                after?: string;
                /**
                 * @description Whether `total` and `pages` are counted. Left out, they are counted for numbered pages, and not behind
                 *     a cursor.
                 * @example exact
                 */
                count?: components["schemas"]["Count"];
                /**
                 * @description The order, with `-` for falling; left out, the newest month comes first.
                 * @example -month
                 */
                sort?: string;
            };
            header?: {
                /**
                 * @description The ETag of the copy that the client has, a list of them, or `*` (RFC 9110, 13.1.2). The same version is answered with 304 and no body; a field that names no version changes nothing.
                 * @example "AZnA3npbfD2OHyo7TF1ufw-3"
                 */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The locale, such as `en-us` or `fr`.
                 * @example en-us
                 */
                locale: string;
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
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Content-Language": components["headers"]["Content-Language"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "data": [
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
                     *       "pagination": {
                     *         "page": 1,
                     *         "limit": 10,
                     *         "total": 1,
                     *         "pages": 1
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["RevenuePage"];
                };
            };
            /** @description The client's copy is still current */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Content-Language": components["headers"]["Content-Language"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    revenuesRead: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The ETag of the copy that the client has, a list of them, or `*` (RFC 9110, 13.1.2). The same version is answered with 304 and no body; a field that names no version changes nothing.
                 * @example "AZnA3npbfD2OHyo7TF1ufw-3"
                 */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The locale, such as `en-us` or `fr`.
                 * @example en-us
                 */
                locale: string;
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
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Content-Language": components["headers"]["Content-Language"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
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
                    "application/json": components["schemas"]["Revenue"];
                };
            };
            /** @description The client's copy is still current */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Content-Language": components["headers"]["Content-Language"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    revenuesReplace: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The ETag of the version that is to be changed, a list of them, or `*` (RFC 9110, 13.1.1). Another version is left alone and answered with 412, and so is a field that names no version; without the field the change is made on whatever is there, unless the service insists on it (428).
                 * @example *
                 */
                "If-Match"?: components["parameters"]["IfMatch"];
                /**
                 * @description The ETag of the copy that the client has, a list of them, or `*` (RFC 9110, 13.1.2). The same version is answered with 304 and no body; a field that names no version changes nothing.
                 * @example "AZnA3npbfD2OHyo7TF1ufw-3"
                 */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
                /**
                 * @description `return=minimal` asks for 204 without a body instead of the changed resource (RFC 7240). Other preferences change nothing.
                 * @example return=minimal
                 */
                Prefer?: components["parameters"]["Prefer"];
            };
            path: {
                /**
                 * @description The locale, such as `en-us` or `fr`.
                 * @example en-us
                 */
                locale: string;
                /**
                 * @description The month, such as `2026-11`.
                 * @example 2026-11
                 */
                month: string;
            };
            cookie?: never;
        };
        /** @description What `/api/v2/revenues/{locale}/{month}` takes. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "amount": 13584
                 *     }
                 */
                "application/json": components["schemas"]["RevenueFigure"];
            };
        };
        responses: {
            /** @description The resource as it is now */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Content-Language": components["headers"]["Content-Language"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
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
                    "application/json": components["schemas"]["Revenue"];
                };
            };
            /** @description The resource, new at this address */
            201: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Location: components["headers"]["Location"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Content-Language": components["headers"]["Content-Language"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
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
                    "application/json": components["schemas"]["Revenue"];
                };
            };
            /** @description Changed; the client preferred no body */
            204: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Content-Language": components["headers"]["Content-Language"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            415: components["responses"]["UnsupportedMediaType"];
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    revenuesRemove: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The ETag of the version that is to be changed, a list of them, or `*` (RFC 9110, 13.1.1). Another version is left alone and answered with 412, and so is a field that names no version; without the field the change is made on whatever is there, unless the service insists on it (428).
                 * @example *
                 */
                "If-Match"?: components["parameters"]["IfMatch"];
            };
            path: {
                /**
                 * @description The locale, such as `en-us` or `fr`.
                 * @example en-us
                 */
                locale: string;
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
            /** @description Done; there is nothing left to show */
            204: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    webhookDeliveriesRead: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The ETag of the copy that the client has, a list of them, or `*` (RFC 9110, 13.1.2). The same version is answered with 304 and no body; a field that names no version changes nothing.
                 * @example "AZnA3npbfD2OHyo7TF1ufw-3"
                 */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The delivery's id.
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
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Last-Modified": components["headers"]["Last-Modified"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
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
                    "application/json": components["schemas"]["WebhookDelivery"];
                };
            };
            /** @description The client's copy is still current */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            429: components["responses"]["TooManyRequests"];
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
                 * @description The delivery's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What will be done */
            202: {
                headers: {
                    Location: components["headers"]["Location"];
                    "Retry-After": components["headers"]["Retry-After"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
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
                    "application/json": components["schemas"]["WebhookDelivery"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            409: components["responses"]["Conflict"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    webhookEndpointsList: {
        parameters: {
            query?: {
                /**
                 * @description The page, counted from 1. Not looked at beside `after`, which also reaches what lies behind page 10,000.
                 * @example 1
                 */
                page?: number;
                /**
                 * @description How many entries a page has at most.
                 * @example 10
                 */
                limit?: number;
                /**
                 * @description The `nextCursor` of the page before: the list goes on right behind that page's last entry, whatever
                 *     was added or removed meanwhile. A cursor belongs to its list, filters and sort.
                 * @example AVsxNzYzNzE3NDAwMDAwLHsiaWQiOiIwMTk5YzBkZSJ9XbG9zZQ
                 */
                after?: string;
                /**
                 * @description Whether `total` and `pages` are counted. Left out, they are counted for numbered pages, and not behind
                 *     a cursor.
                 * @example exact
                 */
                count?: components["schemas"]["Count"];
                /**
                 * @description Endpoints in this state.
                 * @example enabled
                 */
                state?: components["schemas"]["EndpointState"];
            };
            header?: {
                /**
                 * @description The ETag of the copy that the client has, a list of them, or `*` (RFC 9110, 13.1.2). The same version is answered with 304 and no body; a field that names no version changes nothing.
                 * @example "AZnA3npbfD2OHyo7TF1ufw-3"
                 */
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
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "data": [
                     *         {
                     *           "id": "0199c0de-9a9a-7c3d-8e1f-2a3b4c5d6e71",
                     *           "url": "https://hooks.acme.test/tenon",
                     *           "description": "Tells the warehouse what is paid.",
                     *           "events": [
                     *             "invoice.paid",
                     *             "posts"
                     *           ],
                     *           "state": "enabled",
                     *           "createdAt": "2025-11-21T10:30:00.000Z",
                     *           "updatedAt": "2025-11-21T10:30:00.000Z"
                     *         }
                     *       ],
                     *       "pagination": {
                     *         "page": 1,
                     *         "limit": 10,
                     *         "total": 1,
                     *         "pages": 1
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["WebhookEndpointPage"];
                };
            };
            /** @description The client's copy is still current */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            429: components["responses"]["TooManyRequests"];
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
        /** @description What `/api/webhook-endpoints` takes. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "url": "https://hooks.acme.test/tenon",
                 *       "description": "Tells the warehouse what is paid.",
                 *       "events": [
                 *         "invoice.paid",
                 *         "posts"
                 *       ]
                 *     }
                 */
                "application/json": components["schemas"]["NewWebhookEndpoint"];
            };
        };
        responses: {
            /** @description The new resource */
            201: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    Location: components["headers"]["Location"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "0199c0de-9a9a-7c3d-8e1f-2a3b4c5d6e71",
                     *       "url": "https://hooks.acme.test/tenon",
                     *       "description": "Tells the warehouse what is paid.",
                     *       "events": [
                     *         "invoice.paid",
                     *         "posts"
                     *       ],
                     *       "state": "enabled",
                     *       "createdAt": "2025-11-21T10:30:00.000Z",
                     *       "updatedAt": "2025-11-21T10:30:00.000Z",
                     *       "secret": "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
                     *     }
                     */
                    "application/json": components["schemas"]["IssuedWebhookEndpoint"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    webhookEndpointsRead: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The ETag of the copy that the client has, a list of them, or `*` (RFC 9110, 13.1.2). The same version is answered with 304 and no body; a field that names no version changes nothing.
                 * @example "AZnA3npbfD2OHyo7TF1ufw-3"
                 */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The endpoint's id.
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
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Last-Modified": components["headers"]["Last-Modified"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "0199c0de-9a9a-7c3d-8e1f-2a3b4c5d6e71",
                     *       "url": "https://hooks.acme.test/tenon",
                     *       "description": "Tells the warehouse what is paid.",
                     *       "events": [
                     *         "invoice.paid",
                     *         "posts"
                     *       ],
                     *       "state": "enabled",
                     *       "createdAt": "2025-11-21T10:30:00.000Z",
                     *       "updatedAt": "2025-11-21T10:30:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["WebhookEndpoint"];
                };
            };
            /** @description The client's copy is still current */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    webhookEndpointsRemove: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The ETag of the version that is to be changed, a list of them, or `*` (RFC 9110, 13.1.1). Another version is left alone and answered with 412, and so is a field that names no version; without the field the change is made on whatever is there, unless the service insists on it (428).
                 * @example *
                 */
                "If-Match"?: components["parameters"]["IfMatch"];
            };
            path: {
                /**
                 * @description The endpoint's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done; there is nothing left to show */
            204: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    webhookEndpointsPatch: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The ETag of the version that is to be changed, a list of them, or `*` (RFC 9110, 13.1.1). Another version is left alone and answered with 412, and so is a field that names no version; without the field the change is made on whatever is there, unless the service insists on it (428).
                 * @example *
                 */
                "If-Match"?: components["parameters"]["IfMatch"];
                /**
                 * @description `return=minimal` asks for 204 without a body instead of the changed resource (RFC 7240). Other preferences change nothing.
                 * @example return=minimal
                 */
                Prefer?: components["parameters"]["Prefer"];
            };
            path: {
                /**
                 * @description The endpoint's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        /** @description What `/api/webhook-endpoints/{id}` takes. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "url": "https://hooks.acme.test/tenon",
                 *       "description": null,
                 *       "events": [
                 *         "invoice.paid",
                 *         "posts"
                 *       ],
                 *       "state": "enabled"
                 *     }
                 */
                "application/merge-patch+json": components["schemas"]["WebhookEndpointPatch"];
                /**
                 * @example {
                 *       "url": "https://hooks.acme.test/tenon",
                 *       "description": null,
                 *       "events": [
                 *         "invoice.paid",
                 *         "posts"
                 *       ],
                 *       "state": "enabled"
                 *     }
                 */
                "application/json": components["schemas"]["WebhookEndpointPatch"];
            };
        };
        responses: {
            /** @description The resource as it is now */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "0199c0de-9a9a-7c3d-8e1f-2a3b4c5d6e71",
                     *       "url": "https://hooks.acme.test/tenon",
                     *       "description": "Tells the warehouse what is paid.",
                     *       "events": [
                     *         "invoice.paid",
                     *         "posts"
                     *       ],
                     *       "state": "enabled",
                     *       "createdAt": "2025-11-21T10:30:00.000Z",
                     *       "updatedAt": "2025-11-21T10:30:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["WebhookEndpoint"];
                };
            };
            /** @description Changed; the client preferred no body */
            204: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            415: components["responses"]["UnsupportedMediaType"];
            428: components["responses"]["PreconditionRequired"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    webhookEndpointsListDeliveries: {
        parameters: {
            query?: {
                /**
                 * @description The page, counted from 1. Not looked at beside `after`, which also reaches what lies behind page 10,000.
                 * @example 1
                 */
                page?: number;
                /**
                 * @description How many entries a page has at most.
                 * @example 10
                 */
                limit?: number;
                /**
                 * @description The `nextCursor` of the page before: the list goes on right behind that page's last entry, whatever
                 *     was added or removed meanwhile. A cursor belongs to its list, filters and sort.
                 * @example AVsxNzYzNzE3NDAwMDAwLHsiaWQiOiIwMTk5YzBkZSJ9XbG9zZQ
                 */
                after?: string;
                /**
                 * @description Whether `total` and `pages` are counted. Left out, they are counted for numbered pages, and not behind
                 *     a cursor.
                 * @example exact
                 */
                count?: components["schemas"]["Count"];
                /**
                 * @description Deliveries in this state.
                 * @example failed
                 */
                state?: components["schemas"]["DeliveryState"];
            };
            header?: {
                /**
                 * @description The ETag of the copy that the client has, a list of them, or `*` (RFC 9110, 13.1.2). The same version is answered with 304 and no body; a field that names no version changes nothing.
                 * @example "AZnA3npbfD2OHyo7TF1ufw-3"
                 */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The endpoint's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
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
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "data": [
                     *         {
                     *           "id": "0199c0de-9a9a-7c3d-8e1f-2a3b4c5d6e72",
                     *           "endpointId": "0199c0de-9a9a-7c3d-8e1f-2a3b4c5d6e71",
                     *           "eventId": "0199c0de-8888-7c3d-8e1f-2a3b4c5d6e7f",
                     *           "type": "post.published",
                     *           "payload": "{\"type\":\"post.published\",\"timestamp\":\"2025-11-21T10:30:00.000Z\",\"data\":{\"id\":\"0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f\",\"href\":\"/api/posts/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f\",\"version\":3}}",
                     *           "state": "delivered",
                     *           "attempts": 1,
                     *           "lastStatus": 204,
                     *           "createdAt": "2025-11-21T10:30:00.000Z",
                     *           "updatedAt": "2025-11-21T10:30:00.120Z",
                     *           "deliveredAt": "2025-11-21T10:30:00.120Z"
                     *         }
                     *       ],
                     *       "pagination": {
                     *         "page": 1,
                     *         "limit": 10,
                     *         "total": 1,
                     *         "pages": 1
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["WebhookDeliveryPage"];
                };
            };
            /** @description The client's copy is still current */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            429: components["responses"]["TooManyRequests"];
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
                 * @description The endpoint's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "0199c0de-9a9a-7c3d-8e1f-2a3b4c5d6e71",
                     *       "url": "https://hooks.acme.test/tenon",
                     *       "description": "Tells the warehouse what is paid.",
                     *       "events": [
                     *         "invoice.paid",
                     *         "posts"
                     *       ],
                     *       "state": "enabled",
                     *       "createdAt": "2025-11-21T10:30:00.000Z",
                     *       "updatedAt": "2025-11-21T10:30:00.000Z",
                     *       "secret": "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
                     *     }
                     */
                    "application/json": components["schemas"]["IssuedWebhookEndpoint"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    webhookEndpointsTest: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The endpoint's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What will be done */
            202: {
                headers: {
                    Location: components["headers"]["Location"];
                    "Retry-After": components["headers"]["Retry-After"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
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
                    "application/json": components["schemas"]["WebhookDelivery"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            409: components["responses"]["Conflict"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    webhookEventsList: {
        parameters: {
            query?: {
                /**
                 * @description The page, counted from 1. Not looked at beside `after`, which also reaches what lies behind page 10,000.
                 * @example 1
                 */
                page?: number;
                /**
                 * @description How many entries a page has at most.
                 * @example 10
                 */
                limit?: number;
                /**
                 * @description The `nextCursor` of the page before: the list goes on right behind that page's last entry, whatever
                 *     was added or removed meanwhile. A cursor belongs to its list, filters and sort.
                 * @example AVsxNzYzNzE3NDAwMDAwLHsiaWQiOiIwMTk5YzBkZSJ9XbG9zZQ
                 */
                after?: string;
                /**
                 * @description Whether `total` and `pages` are counted. Left out, they are counted for numbered pages, and not behind
                 *     a cursor.
                 * @example exact
                 */
                count?: components["schemas"]["Count"];
                /**
                 * @description Events of this provider.
                 * @example stripe
                 */
                provider?: components["schemas"]["Provider"];
                /**
                 * @description Events of this type, such as `invoice.paid`.
                 * @example invoice.paid
                 */
                type?: string;
                /**
                 * @description Events that are this far.
                 * @example failed
                 */
                state?: components["schemas"]["WebhookEventState"];
                /**
                 * @description The order, with `-` for falling; left out, the newest come first.
                 * @example receivedAt
                 */
                sort?: string;
            };
            header?: {
                /**
                 * @description The ETag of the copy that the client has, a list of them, or `*` (RFC 9110, 13.1.2). The same version is answered with 304 and no body; a field that names no version changes nothing.
                 * @example "AZnA3npbfD2OHyo7TF1ufw-3"
                 */
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
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "data": [
                     *         {
                     *           "id": "0199c0de-4444-7c3d-8e1f-2a3b4c5d6e7f",
                     *           "provider": "stripe",
                     *           "providerId": "evt_1SVr2xGQ",
                     *           "type": "invoice.paid",
                     *           "state": "handled",
                     *           "outcome": "invoice 1 is paid",
                     *           "attempts": 1,
                     *           "receivedAt": "2025-11-21T09:00:00.000Z",
                     *           "handledAt": "2025-11-21T09:00:00.040Z"
                     *         }
                     *       ],
                     *       "pagination": {
                     *         "page": 1,
                     *         "limit": 10,
                     *         "total": 1,
                     *         "pages": 1
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["WebhookEventSummaryPage"];
                };
            };
            /** @description The client's copy is still current */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    webhookEventsRead: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The ETag of the copy that the client has, a list of them, or `*` (RFC 9110, 13.1.2). The same version is answered with 304 and no body; a field that names no version changes nothing.
                 * @example "AZnA3npbfD2OHyo7TF1ufw-3"
                 */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                /**
                 * @description The event's id.
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
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
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
                     *       "body": "{\"id\":\"evt_1SVr2xGQ\",\"object\":\"event\",\"type\":\"invoice.paid\",\"data\":{\"object\":{\"id\":\"in_1SVr2wGQ\",\"metadata\":{\"invoice\":\"1\"}}}}"
                     *     }
                     */
                    "application/json": components["schemas"]["WebhookEvent"];
                };
            };
            /** @description The client's copy is still current */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
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
            429: components["responses"]["TooManyRequests"];
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
                 * @description The event's id.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What will be done */
            202: {
                headers: {
                    Location: components["headers"]["Location"];
                    "Retry-After": components["headers"]["Retry-After"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
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
                    "application/json": components["schemas"]["Job"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    webhookEventsGithub: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** @description What `/api/webhooks/github` takes. */
        requestBody: {
            content: {
                /** @example {"ref":"refs/heads/main","repository":{"full_name":"acme/handbook"}} */
                "application/json": string;
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "received": true
                     *     }
                     */
                    "application/json": components["schemas"]["WebhookReceipt"];
                };
            };
            400: components["responses"]["BadRequest"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    webhookEventsPaypal: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** @description What `/api/webhooks/paypal` takes. */
        requestBody: {
            content: {
                /** @example {"id":"WH-58D329510W468432D-8HN650336L201105X","event_type":"PAYMENT.SALE.COMPLETED","resource":{"amount":{"total":"7.47","currency":"USD"}}} */
                "application/json": string;
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "received": true
                     *     }
                     */
                    "application/json": components["schemas"]["WebhookReceipt"];
                };
            };
            400: components["responses"]["BadRequest"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    webhookEventsStripe: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** @description What `/api/webhooks/stripe` takes. */
        requestBody: {
            content: {
                /** @example {"id":"evt_1SVr2xGQ","object":"event","type":"invoice.paid","data":{"object":{"id":"in_1SVr2wGQ","metadata":{"invoice":"1"}}}} */
                "application/json": string;
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "received": true
                     *     }
                     */
                    "application/json": components["schemas"]["WebhookReceipt"];
                };
            };
            400: components["responses"]["BadRequest"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    healthLive: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "status": "ok"
                     *     }
                     */
                    "application/json": components["schemas"]["Life"];
                };
            };
            400: components["responses"]["BadRequest"];
            406: components["responses"]["NotAcceptable"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    mediaFile: {
        parameters: {
            query?: {
                /**
                 * @description Pixels from left to right; as the height asks without it.
                 * @example 640
                 */
                w?: number;
                /**
                 * @description Pixels from top to bottom; as the width asks without it.
                 * @example 480
                 */
                h?: number;
                /**
                 * @description What becomes of a picture of another ratio, when both sides are given; `inside` without it.
                 * @example cover
                 */
                fit?: components["schemas"]["MediaFit"];
                /**
                 * @description What stays in sight when the picture is cut, from the left and from the top, each between 0 and 1. Without it
                 *     the picture's own focus counts, which may change.
                 * @example 0.5,0.25
                 */
                focus?: string;
                /**
                 * @description The form of the bytes; the one in which the picture is kept without it.
                 * @example webp
                 */
                format?: components["schemas"]["MediaForm"];
            };
            header?: {
                /**
                 * @description The ETag of the copy that the client has, a list of them, or `*` (RFC 9110, 13.1.2). The same version is answered with 304 and no body; a field that names no version changes nothing.
                 * @example "AZnA3npbfD2OHyo7TF1ufw-3"
                 */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
                /**
                 * @description The bytes that are wanted, as one range such as `bytes=0-1023` or `bytes=-500` (RFC 9110, 14.2). Several ranges, and what cannot be read, are passed over: the answer is the whole.
                 * @example bytes=0-1023
                 */
                Range?: components["parameters"]["Range"];
                /**
                 * @description The ETag of the copy of which the client has a part (RFC 9110, 13.1.5). If another version is there now, the answer is the whole of it.
                 * @example "AZnA3npbfD2OHyo7TF1ufw-3"
                 */
                "If-Range"?: components["parameters"]["IfRange"];
            };
            path: {
                /**
                 * @description The name of its bytes, from the picture's `url`.
                 * @example 7d0f1c9a3b5e4f6081a2b3c4d5e6f708.jpg
                 */
                key: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The picture */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    Vary: components["headers"]["Vary.optional"];
                    "Accept-Ranges": components["headers"]["Accept-Ranges"];
                    "Content-Disposition": components["headers"]["Content-Disposition"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /** @example GIF89a… */
                    "image/jpeg": string;
                    /** @example GIF89a… */
                    "image/png": string;
                    /** @example GIF89a… */
                    "image/webp": string;
                    /** @example GIF89a… */
                    "image/gif": string;
                };
            };
            /** @description The bytes of it that were asked for */
            206: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    Vary: components["headers"]["Vary.optional"];
                    "Accept-Ranges": components["headers"]["Accept-Ranges"];
                    "Content-Disposition": components["headers"]["Content-Disposition"];
                    "Content-Range": components["headers"]["Content-Range"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    /** @example GIF89a… */
                    "image/jpeg": string;
                    /** @example GIF89a… */
                    "image/png": string;
                    /** @example GIF89a… */
                    "image/webp": string;
                    /** @example GIF89a… */
                    "image/gif": string;
                };
            };
            /** @description The client's copy is still current */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Cache-Control": components["headers"]["Cache-Control"];
                    Vary: components["headers"]["Vary.optional"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            416: components["responses"]["RangeNotSatisfiable"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    healthReady: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Vary: components["headers"]["Vary"];
                    "Access-Control-Allow-Origin": components["headers"]["Access-Control-Allow-Origin"];
                    "Access-Control-Allow-Credentials": components["headers"]["Access-Control-Allow-Credentials"];
                    "Access-Control-Expose-Headers": components["headers"]["Access-Control-Expose-Headers"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "status": "ok"
                     *     }
                     */
                    "application/json": components["schemas"]["Life"];
                };
            };
            400: components["responses"]["BadRequest"];
            406: components["responses"]["NotAcceptable"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    webhooksCommentCreated: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The event. The same in each attempt: what was seen already can be passed over.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description When this attempt was made, in seconds since 1970. What is older than some minutes should be refused.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 over id, timestamp and body with dots between them, in base64. While secrets are rotated there are two, with a space between them, and one that fits is enough.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description What happened, and to what; no more than 20 kB. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "type": "comment.created",
                 *       "timestamp": "2025-11-21T10:30:00.000Z",
                 *       "data": {
                 *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "href": "/api/comments/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "version": 3
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["CommentCreatedWebhook"];
            };
        };
        responses: {
            /** @description Gone: the endpoint is disabled at once */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Taken: it is not sent again */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later, and not before `Retry-After` */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    webhooksCommentUpdated: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The event. The same in each attempt: what was seen already can be passed over.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description When this attempt was made, in seconds since 1970. What is older than some minutes should be refused.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 over id, timestamp and body with dots between them, in base64. While secrets are rotated there are two, with a space between them, and one that fits is enough.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description What happened, and to what; no more than 20 kB. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "type": "comment.updated",
                 *       "timestamp": "2025-11-21T10:30:00.000Z",
                 *       "data": {
                 *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "href": "/api/comments/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "version": 3
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["CommentUpdatedWebhook"];
            };
        };
        responses: {
            /** @description Gone: the endpoint is disabled at once */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Taken: it is not sent again */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later, and not before `Retry-After` */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    webhooksCommentDeleted: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The event. The same in each attempt: what was seen already can be passed over.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description When this attempt was made, in seconds since 1970. What is older than some minutes should be refused.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 over id, timestamp and body with dots between them, in base64. While secrets are rotated there are two, with a space between them, and one that fits is enough.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description What happened, and to what; no more than 20 kB. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "type": "comment.deleted",
                 *       "timestamp": "2025-11-21T10:30:00.000Z",
                 *       "data": {
                 *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "href": "/api/comments/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "version": 3
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["CommentDeletedWebhook"];
            };
        };
        responses: {
            /** @description Gone: the endpoint is disabled at once */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Taken: it is not sent again */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later, and not before `Retry-After` */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    webhooksCustomerCreated: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The event. The same in each attempt: what was seen already can be passed over.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description When this attempt was made, in seconds since 1970. What is older than some minutes should be refused.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 over id, timestamp and body with dots between them, in base64. While secrets are rotated there are two, with a space between them, and one that fits is enough.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description What happened, and to what; no more than 20 kB. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "type": "customer.created",
                 *       "timestamp": "2025-11-21T10:30:00.000Z",
                 *       "data": {
                 *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "href": "/api/v2/customers/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "version": 3
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["CustomerCreatedWebhook"];
            };
        };
        responses: {
            /** @description Gone: the endpoint is disabled at once */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Taken: it is not sent again */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later, and not before `Retry-After` */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    webhooksCustomerUpdated: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The event. The same in each attempt: what was seen already can be passed over.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description When this attempt was made, in seconds since 1970. What is older than some minutes should be refused.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 over id, timestamp and body with dots between them, in base64. While secrets are rotated there are two, with a space between them, and one that fits is enough.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description What happened, and to what; no more than 20 kB. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "type": "customer.updated",
                 *       "timestamp": "2025-11-21T10:30:00.000Z",
                 *       "data": {
                 *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "href": "/api/v2/customers/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "version": 3
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["CustomerUpdatedWebhook"];
            };
        };
        responses: {
            /** @description Gone: the endpoint is disabled at once */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Taken: it is not sent again */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later, and not before `Retry-After` */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    webhooksCustomerDeleted: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The event. The same in each attempt: what was seen already can be passed over.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description When this attempt was made, in seconds since 1970. What is older than some minutes should be refused.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 over id, timestamp and body with dots between them, in base64. While secrets are rotated there are two, with a space between them, and one that fits is enough.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description What happened, and to what; no more than 20 kB. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "type": "customer.deleted",
                 *       "timestamp": "2025-11-21T10:30:00.000Z",
                 *       "data": {
                 *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "href": "/api/v2/customers/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "version": 3
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["CustomerDeletedWebhook"];
            };
        };
        responses: {
            /** @description Gone: the endpoint is disabled at once */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Taken: it is not sent again */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later, and not before `Retry-After` */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    webhooksDocumentCreated: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The event. The same in each attempt: what was seen already can be passed over.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description When this attempt was made, in seconds since 1970. What is older than some minutes should be refused.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 over id, timestamp and body with dots between them, in base64. While secrets are rotated there are two, with a space between them, and one that fits is enough.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description What happened, and to what; no more than 20 kB. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "type": "document.created",
                 *       "timestamp": "2025-11-21T10:30:00.000Z",
                 *       "data": {
                 *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "href": "/api/docs/guides/first-steps",
                 *         "version": 3
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["DocumentCreatedWebhook"];
            };
        };
        responses: {
            /** @description Gone: the endpoint is disabled at once */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Taken: it is not sent again */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later, and not before `Retry-After` */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    webhooksDocumentUpdated: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The event. The same in each attempt: what was seen already can be passed over.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description When this attempt was made, in seconds since 1970. What is older than some minutes should be refused.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 over id, timestamp and body with dots between them, in base64. While secrets are rotated there are two, with a space between them, and one that fits is enough.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description What happened, and to what; no more than 20 kB. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "type": "document.updated",
                 *       "timestamp": "2025-11-21T10:30:00.000Z",
                 *       "data": {
                 *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "href": "/api/docs/guides/first-steps",
                 *         "version": 3
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["DocumentUpdatedWebhook"];
            };
        };
        responses: {
            /** @description Gone: the endpoint is disabled at once */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Taken: it is not sent again */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later, and not before `Retry-After` */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    webhooksDocumentDeleted: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The event. The same in each attempt: what was seen already can be passed over.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description When this attempt was made, in seconds since 1970. What is older than some minutes should be refused.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 over id, timestamp and body with dots between them, in base64. While secrets are rotated there are two, with a space between them, and one that fits is enough.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description What happened, and to what; no more than 20 kB. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "type": "document.deleted",
                 *       "timestamp": "2025-11-21T10:30:00.000Z",
                 *       "data": {
                 *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "href": "/api/docs/guides/first-steps",
                 *         "version": 3
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["DocumentDeletedWebhook"];
            };
        };
        responses: {
            /** @description Gone: the endpoint is disabled at once */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Taken: it is not sent again */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later, and not before `Retry-After` */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    webhooksDocumentRestored: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The event. The same in each attempt: what was seen already can be passed over.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description When this attempt was made, in seconds since 1970. What is older than some minutes should be refused.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 over id, timestamp and body with dots between them, in base64. While secrets are rotated there are two, with a space between them, and one that fits is enough.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description What happened, and to what; no more than 20 kB. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "type": "document.restored",
                 *       "timestamp": "2025-11-21T10:30:00.000Z",
                 *       "data": {
                 *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "href": "/api/docs/guides/first-steps",
                 *         "version": 3
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["DocumentRestoredWebhook"];
            };
        };
        responses: {
            /** @description Gone: the endpoint is disabled at once */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Taken: it is not sent again */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later, and not before `Retry-After` */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    webhooksInvoiceCreated: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The event. The same in each attempt: what was seen already can be passed over.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description When this attempt was made, in seconds since 1970. What is older than some minutes should be refused.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 over id, timestamp and body with dots between them, in base64. While secrets are rotated there are two, with a space between them, and one that fits is enough.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description What happened, and to what; no more than 20 kB. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "type": "invoice.created",
                 *       "timestamp": "2025-11-21T10:30:00.000Z",
                 *       "data": {
                 *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "href": "/api/v2/invoices/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "version": 3
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["InvoiceCreatedWebhook"];
            };
        };
        responses: {
            /** @description Gone: the endpoint is disabled at once */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Taken: it is not sent again */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later, and not before `Retry-After` */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    webhooksInvoiceUpdated: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The event. The same in each attempt: what was seen already can be passed over.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description When this attempt was made, in seconds since 1970. What is older than some minutes should be refused.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 over id, timestamp and body with dots between them, in base64. While secrets are rotated there are two, with a space between them, and one that fits is enough.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description What happened, and to what; no more than 20 kB. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "type": "invoice.updated",
                 *       "timestamp": "2025-11-21T10:30:00.000Z",
                 *       "data": {
                 *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "href": "/api/v2/invoices/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "version": 3
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["InvoiceUpdatedWebhook"];
            };
        };
        responses: {
            /** @description Gone: the endpoint is disabled at once */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Taken: it is not sent again */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later, and not before `Retry-After` */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    webhooksInvoicePaid: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The event. The same in each attempt: what was seen already can be passed over.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description When this attempt was made, in seconds since 1970. What is older than some minutes should be refused.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 over id, timestamp and body with dots between them, in base64. While secrets are rotated there are two, with a space between them, and one that fits is enough.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description What happened, and to what; no more than 20 kB. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "type": "invoice.paid",
                 *       "timestamp": "2025-11-21T10:30:00.000Z",
                 *       "data": {
                 *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "href": "/api/v2/invoices/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "version": 3
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["InvoicePaidWebhook"];
            };
        };
        responses: {
            /** @description Gone: the endpoint is disabled at once */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Taken: it is not sent again */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later, and not before `Retry-After` */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    webhooksInvoiceVoided: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The event. The same in each attempt: what was seen already can be passed over.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description When this attempt was made, in seconds since 1970. What is older than some minutes should be refused.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 over id, timestamp and body with dots between them, in base64. While secrets are rotated there are two, with a space between them, and one that fits is enough.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description What happened, and to what; no more than 20 kB. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "type": "invoice.voided",
                 *       "timestamp": "2025-11-21T10:30:00.000Z",
                 *       "data": {
                 *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "href": "/api/v2/invoices/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "version": 3
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["InvoiceVoidedWebhook"];
            };
        };
        responses: {
            /** @description Gone: the endpoint is disabled at once */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Taken: it is not sent again */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later, and not before `Retry-After` */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    webhooksInvoiceDeleted: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The event. The same in each attempt: what was seen already can be passed over.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description When this attempt was made, in seconds since 1970. What is older than some minutes should be refused.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 over id, timestamp and body with dots between them, in base64. While secrets are rotated there are two, with a space between them, and one that fits is enough.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description What happened, and to what; no more than 20 kB. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "type": "invoice.deleted",
                 *       "timestamp": "2025-11-21T10:30:00.000Z",
                 *       "data": {
                 *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "href": "/api/v2/invoices/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "version": 3
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["InvoiceDeletedWebhook"];
            };
        };
        responses: {
            /** @description Gone: the endpoint is disabled at once */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Taken: it is not sent again */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later, and not before `Retry-After` */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    webhooksMediaCreated: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The event. The same in each attempt: what was seen already can be passed over.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description When this attempt was made, in seconds since 1970. What is older than some minutes should be refused.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 over id, timestamp and body with dots between them, in base64. While secrets are rotated there are two, with a space between them, and one that fits is enough.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description What happened, and to what; no more than 20 kB. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "type": "media.created",
                 *       "timestamp": "2025-11-21T10:30:00.000Z",
                 *       "data": {
                 *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "href": "/api/media/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "version": 3
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["MediaCreatedWebhook"];
            };
        };
        responses: {
            /** @description Gone: the endpoint is disabled at once */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Taken: it is not sent again */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later, and not before `Retry-After` */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    webhooksMediaUpdated: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The event. The same in each attempt: what was seen already can be passed over.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description When this attempt was made, in seconds since 1970. What is older than some minutes should be refused.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 over id, timestamp and body with dots between them, in base64. While secrets are rotated there are two, with a space between them, and one that fits is enough.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description What happened, and to what; no more than 20 kB. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "type": "media.updated",
                 *       "timestamp": "2025-11-21T10:30:00.000Z",
                 *       "data": {
                 *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "href": "/api/media/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "version": 3
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["MediaUpdatedWebhook"];
            };
        };
        responses: {
            /** @description Gone: the endpoint is disabled at once */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Taken: it is not sent again */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later, and not before `Retry-After` */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    webhooksMediaDeleted: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The event. The same in each attempt: what was seen already can be passed over.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description When this attempt was made, in seconds since 1970. What is older than some minutes should be refused.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 over id, timestamp and body with dots between them, in base64. While secrets are rotated there are two, with a space between them, and one that fits is enough.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description What happened, and to what; no more than 20 kB. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "type": "media.deleted",
                 *       "timestamp": "2025-11-21T10:30:00.000Z",
                 *       "data": {
                 *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "href": "/api/media/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "version": 3
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["MediaDeletedWebhook"];
            };
        };
        responses: {
            /** @description Gone: the endpoint is disabled at once */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Taken: it is not sent again */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later, and not before `Retry-After` */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    webhooksPostCreated: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The event. The same in each attempt: what was seen already can be passed over.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description When this attempt was made, in seconds since 1970. What is older than some minutes should be refused.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 over id, timestamp and body with dots between them, in base64. While secrets are rotated there are two, with a space between them, and one that fits is enough.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description What happened, and to what; no more than 20 kB. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "type": "post.created",
                 *       "timestamp": "2025-11-21T10:30:00.000Z",
                 *       "data": {
                 *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "href": "/api/posts/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "version": 3
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["PostCreatedWebhook"];
            };
        };
        responses: {
            /** @description Gone: the endpoint is disabled at once */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Taken: it is not sent again */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later, and not before `Retry-After` */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    webhooksPostUpdated: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The event. The same in each attempt: what was seen already can be passed over.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description When this attempt was made, in seconds since 1970. What is older than some minutes should be refused.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 over id, timestamp and body with dots between them, in base64. While secrets are rotated there are two, with a space between them, and one that fits is enough.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description What happened, and to what; no more than 20 kB. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "type": "post.updated",
                 *       "timestamp": "2025-11-21T10:30:00.000Z",
                 *       "data": {
                 *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "href": "/api/posts/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "version": 3
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["PostUpdatedWebhook"];
            };
        };
        responses: {
            /** @description Gone: the endpoint is disabled at once */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Taken: it is not sent again */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later, and not before `Retry-After` */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    webhooksPostPublished: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The event. The same in each attempt: what was seen already can be passed over.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description When this attempt was made, in seconds since 1970. What is older than some minutes should be refused.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 over id, timestamp and body with dots between them, in base64. While secrets are rotated there are two, with a space between them, and one that fits is enough.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description What happened, and to what; no more than 20 kB. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "type": "post.published",
                 *       "timestamp": "2025-11-21T10:30:00.000Z",
                 *       "data": {
                 *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "href": "/api/posts/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "version": 3
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["PostPublishedWebhook"];
            };
        };
        responses: {
            /** @description Gone: the endpoint is disabled at once */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Taken: it is not sent again */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later, and not before `Retry-After` */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    webhooksPostUnpublished: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The event. The same in each attempt: what was seen already can be passed over.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description When this attempt was made, in seconds since 1970. What is older than some minutes should be refused.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 over id, timestamp and body with dots between them, in base64. While secrets are rotated there are two, with a space between them, and one that fits is enough.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description What happened, and to what; no more than 20 kB. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "type": "post.unpublished",
                 *       "timestamp": "2025-11-21T10:30:00.000Z",
                 *       "data": {
                 *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "href": "/api/posts/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "version": 3
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["PostUnpublishedWebhook"];
            };
        };
        responses: {
            /** @description Gone: the endpoint is disabled at once */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Taken: it is not sent again */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later, and not before `Retry-After` */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    webhooksPostDeleted: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The event. The same in each attempt: what was seen already can be passed over.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description When this attempt was made, in seconds since 1970. What is older than some minutes should be refused.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 over id, timestamp and body with dots between them, in base64. While secrets are rotated there are two, with a space between them, and one that fits is enough.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description What happened, and to what; no more than 20 kB. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "type": "post.deleted",
                 *       "timestamp": "2025-11-21T10:30:00.000Z",
                 *       "data": {
                 *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "href": "/api/posts/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "version": 3
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["PostDeletedWebhook"];
            };
        };
        responses: {
            /** @description Gone: the endpoint is disabled at once */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Taken: it is not sent again */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later, and not before `Retry-After` */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    webhooksPostRestored: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The event. The same in each attempt: what was seen already can be passed over.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description When this attempt was made, in seconds since 1970. What is older than some minutes should be refused.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 over id, timestamp and body with dots between them, in base64. While secrets are rotated there are two, with a space between them, and one that fits is enough.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description What happened, and to what; no more than 20 kB. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "type": "post.restored",
                 *       "timestamp": "2025-11-21T10:30:00.000Z",
                 *       "data": {
                 *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "href": "/api/posts/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "version": 3
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["PostRestoredWebhook"];
            };
        };
        responses: {
            /** @description Gone: the endpoint is disabled at once */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Taken: it is not sent again */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later, and not before `Retry-After` */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    webhooksRatesUpdated: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The event. The same in each attempt: what was seen already can be passed over.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description When this attempt was made, in seconds since 1970. What is older than some minutes should be refused.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 over id, timestamp and body with dots between them, in base64. While secrets are rotated there are two, with a space between them, and one that fits is enough.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description What happened, and to what; no more than 20 kB. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "type": "rates.updated",
                 *       "timestamp": "2025-11-21T10:30:00.000Z",
                 *       "data": {
                 *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "href": "/api/rates/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "version": 3
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["RatesUpdatedWebhook"];
            };
        };
        responses: {
            /** @description Gone: the endpoint is disabled at once */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Taken: it is not sent again */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later, and not before `Retry-After` */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    webhooksRedirectCreated: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The event. The same in each attempt: what was seen already can be passed over.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description When this attempt was made, in seconds since 1970. What is older than some minutes should be refused.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 over id, timestamp and body with dots between them, in base64. While secrets are rotated there are two, with a space between them, and one that fits is enough.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description What happened, and to what; no more than 20 kB. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "type": "redirect.created",
                 *       "timestamp": "2025-11-21T10:30:00.000Z",
                 *       "data": {
                 *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "href": "/api/redirects/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "version": 3
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["RedirectCreatedWebhook"];
            };
        };
        responses: {
            /** @description Gone: the endpoint is disabled at once */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Taken: it is not sent again */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later, and not before `Retry-After` */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    webhooksRedirectUpdated: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The event. The same in each attempt: what was seen already can be passed over.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description When this attempt was made, in seconds since 1970. What is older than some minutes should be refused.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 over id, timestamp and body with dots between them, in base64. While secrets are rotated there are two, with a space between them, and one that fits is enough.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description What happened, and to what; no more than 20 kB. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "type": "redirect.updated",
                 *       "timestamp": "2025-11-21T10:30:00.000Z",
                 *       "data": {
                 *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "href": "/api/redirects/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "version": 3
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["RedirectUpdatedWebhook"];
            };
        };
        responses: {
            /** @description Gone: the endpoint is disabled at once */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Taken: it is not sent again */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later, and not before `Retry-After` */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    webhooksRedirectsImported: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The event. The same in each attempt: what was seen already can be passed over.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description When this attempt was made, in seconds since 1970. What is older than some minutes should be refused.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 over id, timestamp and body with dots between them, in base64. While secrets are rotated there are two, with a space between them, and one that fits is enough.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description What happened, and to what; no more than 20 kB. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "type": "redirects.imported",
                 *       "timestamp": "2025-11-21T10:30:00.000Z",
                 *       "data": {
                 *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "href": "/api/redirects/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "version": 3
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["RedirectsImportedWebhook"];
            };
        };
        responses: {
            /** @description Gone: the endpoint is disabled at once */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Taken: it is not sent again */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later, and not before `Retry-After` */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    webhooksRedirectDeleted: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The event. The same in each attempt: what was seen already can be passed over.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description When this attempt was made, in seconds since 1970. What is older than some minutes should be refused.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 over id, timestamp and body with dots between them, in base64. While secrets are rotated there are two, with a space between them, and one that fits is enough.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description What happened, and to what; no more than 20 kB. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "type": "redirect.deleted",
                 *       "timestamp": "2025-11-21T10:30:00.000Z",
                 *       "data": {
                 *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "href": "/api/redirects/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "version": 3
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["RedirectDeletedWebhook"];
            };
        };
        responses: {
            /** @description Gone: the endpoint is disabled at once */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Taken: it is not sent again */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later, and not before `Retry-After` */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    webhooksRevenueUpdated: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The event. The same in each attempt: what was seen already can be passed over.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description When this attempt was made, in seconds since 1970. What is older than some minutes should be refused.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 over id, timestamp and body with dots between them, in base64. While secrets are rotated there are two, with a space between them, and one that fits is enough.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description What happened, and to what; no more than 20 kB. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "type": "revenue.updated",
                 *       "timestamp": "2025-11-21T10:30:00.000Z",
                 *       "data": {
                 *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "href": "/api/revenues/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "version": 3
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["RevenueUpdatedWebhook"];
            };
        };
        responses: {
            /** @description Gone: the endpoint is disabled at once */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Taken: it is not sent again */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later, and not before `Retry-After` */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    webhooksRevenueDeleted: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The event. The same in each attempt: what was seen already can be passed over.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description When this attempt was made, in seconds since 1970. What is older than some minutes should be refused.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 over id, timestamp and body with dots between them, in base64. While secrets are rotated there are two, with a space between them, and one that fits is enough.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description What happened, and to what; no more than 20 kB. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "type": "revenue.deleted",
                 *       "timestamp": "2025-11-21T10:30:00.000Z",
                 *       "data": {
                 *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "href": "/api/revenues/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "version": 3
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["RevenueDeletedWebhook"];
            };
        };
        responses: {
            /** @description Gone: the endpoint is disabled at once */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Taken: it is not sent again */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later, and not before `Retry-After` */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    webhooksTagCreated: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The event. The same in each attempt: what was seen already can be passed over.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description When this attempt was made, in seconds since 1970. What is older than some minutes should be refused.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 over id, timestamp and body with dots between them, in base64. While secrets are rotated there are two, with a space between them, and one that fits is enough.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description What happened, and to what; no more than 20 kB. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "type": "tag.created",
                 *       "timestamp": "2025-11-21T10:30:00.000Z",
                 *       "data": {
                 *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "href": "/api/tags/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "version": 3
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["TagCreatedWebhook"];
            };
        };
        responses: {
            /** @description Gone: the endpoint is disabled at once */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Taken: it is not sent again */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later, and not before `Retry-After` */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    webhooksTagUpdated: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The event. The same in each attempt: what was seen already can be passed over.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description When this attempt was made, in seconds since 1970. What is older than some minutes should be refused.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 over id, timestamp and body with dots between them, in base64. While secrets are rotated there are two, with a space between them, and one that fits is enough.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description What happened, and to what; no more than 20 kB. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "type": "tag.updated",
                 *       "timestamp": "2025-11-21T10:30:00.000Z",
                 *       "data": {
                 *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "href": "/api/tags/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "version": 3
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["TagUpdatedWebhook"];
            };
        };
        responses: {
            /** @description Gone: the endpoint is disabled at once */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Taken: it is not sent again */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later, and not before `Retry-After` */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    webhooksTagDeleted: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The event. The same in each attempt: what was seen already can be passed over.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description When this attempt was made, in seconds since 1970. What is older than some minutes should be refused.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 over id, timestamp and body with dots between them, in base64. While secrets are rotated there are two, with a space between them, and one that fits is enough.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description What happened, and to what; no more than 20 kB. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "type": "tag.deleted",
                 *       "timestamp": "2025-11-21T10:30:00.000Z",
                 *       "data": {
                 *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "href": "/api/tags/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "version": 3
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["TagDeletedWebhook"];
            };
        };
        responses: {
            /** @description Gone: the endpoint is disabled at once */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Taken: it is not sent again */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later, and not before `Retry-After` */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    webhooksUserCreated: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The event. The same in each attempt: what was seen already can be passed over.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description When this attempt was made, in seconds since 1970. What is older than some minutes should be refused.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 over id, timestamp and body with dots between them, in base64. While secrets are rotated there are two, with a space between them, and one that fits is enough.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description What happened, and to what; no more than 20 kB. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "type": "user.created",
                 *       "timestamp": "2025-11-21T10:30:00.000Z",
                 *       "data": {
                 *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "href": "/api/users/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "version": 3
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["UserCreatedWebhook"];
            };
        };
        responses: {
            /** @description Gone: the endpoint is disabled at once */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Taken: it is not sent again */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later, and not before `Retry-After` */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    webhooksUserUpdated: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The event. The same in each attempt: what was seen already can be passed over.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description When this attempt was made, in seconds since 1970. What is older than some minutes should be refused.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 over id, timestamp and body with dots between them, in base64. While secrets are rotated there are two, with a space between them, and one that fits is enough.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description What happened, and to what; no more than 20 kB. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "type": "user.updated",
                 *       "timestamp": "2025-11-21T10:30:00.000Z",
                 *       "data": {
                 *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "href": "/api/users/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "version": 3
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["UserUpdatedWebhook"];
            };
        };
        responses: {
            /** @description Gone: the endpoint is disabled at once */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Taken: it is not sent again */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later, and not before `Retry-After` */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    webhooksUserDeleted: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The event. The same in each attempt: what was seen already can be passed over.
                 * @example 0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f
                 */
                "webhook-id": components["parameters"]["WebhookId"];
                /**
                 * @description When this attempt was made, in seconds since 1970. What is older than some minutes should be refused.
                 * @example 1763721000
                 */
                "webhook-timestamp": components["parameters"]["WebhookTimestamp"];
                /**
                 * @description `v1,` and the HMAC-SHA256 over id, timestamp and body with dots between them, in base64. While secrets are rotated there are two, with a space between them, and one that fits is enough.
                 * @example v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
                 */
                "webhook-signature": components["parameters"]["WebhookSignature"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description What happened, and to what; no more than 20 kB. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "type": "user.deleted",
                 *       "timestamp": "2025-11-21T10:30:00.000Z",
                 *       "data": {
                 *         "id": "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "href": "/api/users/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
                 *         "version": 3
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["UserDeletedWebhook"];
            };
        };
        responses: {
            /** @description Gone: the endpoint is disabled at once */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Taken: it is not sent again */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not taken: it is sent again later, and not before `Retry-After` */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
}

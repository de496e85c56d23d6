/*
 * The browser's side: all files of one folder, read once at start and served from memory. No path ever comes
 * from a request: a request's path is looked up among the names that were found, and that is all. Files
 * ending in .br and .gz are the compressed forms of the file beside them.
 */
#include "net/net_int.h"

#include "base/must.h"
#include "crypto/crypto.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES_MAX ((size_t)16 << 20)
#define ALL_BYTES_MAX ((size_t)256 << 20)
#define FILES_MAX 4096
#define DEPTH_MAX 12
#define ETAG_BYTES 16 /* of the SHA-256 */

enum form { FORM_PLAIN, FORM_GZIP, FORM_BROTLI, FORM_COUNT };

static const struct {
    struct str ending, coding;
} forms[FORM_COUNT] = {
    [FORM_GZIP] = {{".gz", 3}, {"gzip", 4}},
    [FORM_BROTLI] = {{".br", 3}, {"br", 2}},
};

struct file {
    struct str forms[FORM_COUNT]; /* absent: p is NULL */
    struct str etags[FORM_COUNT]; /* with quotes; another for each form (RFC 9110, 8.8.3) */
    const char *content_type;
    bool immutable;
};

struct static_files {
    struct arena *arena;
    struct map *by_path;
    size_t n, n_bytes;
};

static const struct {
    struct str ending;
    const char *type;
} types[] = {
    {{".html", 5}, "text/html; charset=utf-8"},
    {{".js", 3}, "text/javascript; charset=utf-8"},
    {{".mjs", 4}, "text/javascript; charset=utf-8"},
    {{".css", 4}, "text/css; charset=utf-8"},
    {{".json", 5}, "application/json"},
    {{".map", 4}, "application/json"},
    {{".webmanifest", 12}, "application/manifest+json"},
    {{".svg", 4}, "image/svg+xml"},
    {{".png", 4}, "image/png"},
    {{".jpg", 4}, "image/jpeg"},
    {{".jpeg", 5}, "image/jpeg"},
    {{".gif", 4}, "image/gif"},
    {{".webp", 5}, "image/webp"},
    {{".avif", 5}, "image/avif"},
    {{".ico", 4}, "image/x-icon"},
    {{".woff2", 6}, "font/woff2"},
    {{".woff", 5}, "font/woff"},
    {{".ttf", 4}, "font/ttf"},
    {{".txt", 4}, "text/plain; charset=utf-8"},
    {{".wasm", 5}, "application/wasm"},
};

static const char NOT_BUILT[] =
    "<!doctype html><html lang=\"zh-CN\"><meta charset=\"utf-8\"><title>Tidemark 观澜</title>"
    "<h1>Tidemark 观澜</h1><p>服务器已运行，但尚未构建网页端。请在项目目录执行 <code>./run</code>，"
    "或在 <code>web</code> 目录执行 <code>npm ci &amp;&amp; npm run build</code>，然后重新启动。</p>"
    "<p lang=\"en\">The server runs, but its browser side has not been built. Run <code>./run</code> in the "
    "project's folder, or <code>npm ci &amp;&amp; npm run build</code> in <code>web</code>, and start "
    "again.</p></html>";

static const char *type_of(struct str path)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (str_ends(path, types[i].ending))
            return types[i].type;
    return "application/octet-stream";
}

/* /assets/index-Bx3f-9Qz.js: the name changes with the content. The hash is eight characters of base64url, so
 * that it may itself hold a dash. */
static bool is_hashed(struct str path)
{
    enum { HASH = 8 };
    static const struct str BASE64URL = {
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", 64};
    if (!str_starts(path, STR("/assets/")))
        return false;
    const char *dot = memchr(path.p, '.', path.n);
    struct str stem = {path.p, dot ? (size_t)(dot - path.p) : path.n};
    if (stem.n < HASH + 1 || stem.p[stem.n - HASH - 1] != '-')
        return false;
    for (size_t i = stem.n - HASH; i < stem.n; i++)
        if (str_find(BASE64URL, (struct str){stem.p + i, 1}) == SIZE_MAX)
            return false;
    return true;
}

static struct str make_etag(struct arena *arena, struct str bytes, enum form form)
{
    unsigned char digest[CRYPTO_SHA256_BYTES];
    crypto_sha256(bytes, digest);
    struct str hex = crypto_hex(arena, digest, ETAG_BYTES);
    return arena_printf(
        arena, "\"%.*s%s%.*s\"", STR_ARGS(hex), form == FORM_PLAIN ? "" : "-", STR_ARGS(forms[form].coding));
}

static void add_file(struct static_files *files, struct str path, struct str bytes)
{
    enum form form = FORM_PLAIN;
    for (enum form f = FORM_GZIP; f < FORM_COUNT; f++) {
        if (!str_ends(path, forms[f].ending))
            continue;
        form = f;
        path.n -= forms[f].ending.n;
        break;
    }
    struct file *file = map_get(files->by_path, path);
    if (file == NULL) {
        file = arena_new_one(files->arena, struct file);
        file->content_type = type_of(path);
        file->immutable = is_hashed(path);
        (void)map_put(files->by_path, path, file);
    }
    file->forms[form] = bytes;
    file->etags[form] = make_etag(files->arena, bytes, form);
}

static int read_file(struct static_files *files, int dir, const char *name, struct str path, struct err *err)
{
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return err_set(err, ERR_IO, "web folder: %.*s: %s", STR_ARGS(path), strerror(errno));
    struct stat st;
    int result = 0;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        result = err_set(err, ERR_IO, "web folder: %.*s is no regular file", STR_ARGS(path));
    else if (st.st_size > (off_t)FILE_BYTES_MAX || files->n_bytes + (size_t)st.st_size > ALL_BYTES_MAX)
        result = err_set(err, ERR_IO, "web folder: %.*s is too large", STR_ARGS(path));
    if (result == 0) {
        size_t n = (size_t)st.st_size, got = 0;
        char *bytes = arena_alloc(files->arena, n + 1);
        ssize_t r = 1;
        while (got < n && r > 0) {
            r = read(fd, bytes + got, n - got);
            got += r > 0 ? (size_t)r : 0;
        }
        if (got < n)
            result = err_set(err, ERR_IO, "web folder: %.*s cannot be read", STR_ARGS(path));
        files->n_bytes += n;
        add_file(files, path, (struct str){bytes, n});
    }
    (void)close(fd);
    return result;
}

static int read_folder(struct static_files *files, int fd, struct str prefix, int depth, struct err *err);

static int read_entry(struct static_files *files, int dir, const struct dirent *entry, struct str prefix,
    int depth, struct err *err)
{
    struct stat st;
    struct str path = arena_printf(files->arena, "%.*s/%s", STR_ARGS(prefix), entry->d_name);
    if (fstatat(dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return err_set(err, ERR_IO, "web folder: %.*s: %s", STR_ARGS(path), strerror(errno));
    if (S_ISREG(st.st_mode)) {
        if (++files->n > FILES_MAX)
            return err_set(err, ERR_IO, "web folder: more than %d files", FILES_MAX);
        return read_file(files, dir, entry->d_name, path, err);
    }
    if (!S_ISDIR(st.st_mode))
        return 0; /* links and the like are not served */
    if (depth == DEPTH_MAX)
        return err_set(err, ERR_IO, "web folder: %.*s is too deep", STR_ARGS(path));
    int fd = openat(dir, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return err_set(err, ERR_IO, "web folder: %.*s: %s", STR_ARGS(path), strerror(errno));
    return read_folder(files, fd, path, depth + 1, err);
}

/* Takes fd over. Names that begin with a dot are not served. */
static int read_folder(struct static_files *files, int fd, struct str prefix, int depth, struct err *err)
{
    DIR *dir = fdopendir(fd);
    if (dir == NULL) {
        (void)close(fd);
        return err_set(err, ERR_IO, "web folder: %s", strerror(errno));
    }
    int result = 0;
    for (struct dirent *entry; result == 0 && (entry = readdir(dir)) != NULL;)
        if (entry->d_name[0] != '.')
            result = read_entry(files, fd, entry, prefix, depth, err);
    (void)closedir(dir);
    return result;
}

static void add_not_built(struct static_files *files)
{
    add_file(files, STR("/index.html"), (struct str){NOT_BUILT, sizeof(NOT_BUILT) - 1});
}

struct static_files *static_load(struct str web_dir, struct err *err)
{
    struct static_files *files = must_alloc(sizeof(*files));
    files->arena = arena_new();
    files->by_path = map_new();
    int fd =
        web_dir.n == 0 ? -1 : open(arena_cstr(files->arena, web_dir), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && read_folder(files, fd, STR(""), 0, err) != 0) {
        static_free(files);
        return NULL;
    }
    if (map_get(files->by_path, STR("/index.html")) == NULL)
        add_not_built(files);
    return files;
}

void static_free(struct static_files *files)
{
    if (files == NULL)
        return;
    map_free(files->by_path, NULL);
    arena_free(files->arena);
    free(files);
}

bool static_is_app_path(struct str path)
{
    /* In whatever case: a program that misspells the API's path gets a problem document, not a page. */
    bool is_api = path.n >= 4 && str_eq_nocase((struct str){path.p, 4}, STR("/api")) &&
                  (path.n == 4 || path.p[4] == '/');
    return is_api || str_starts(path, STR("/healthz")) || str_starts(path, STR("/readyz")) ||
           str_starts(path, STR("/metrics"));
}

/* Whether a coding is named without q=0. Wildcards are not looked at: the plain form is always right. */
static bool accepts(struct str accept, struct str coding)
{
    while (accept.n > 0) {
        struct str item = str_cut(&accept, ',');
        struct str name = str_trim(str_cut(&item, ';'));
        if (!str_eq_nocase(name, coding))
            continue;
        item = str_trim(item);
        if (!str_starts(item, STR("q=0")) && !str_starts(item, STR("Q=0")))
            return true;
        for (size_t i = 3; i < item.n; i++)
            if (item.p[i] >= '1' && item.p[i] <= '9')
                return true;
        return false;
    }
    return false;
}

static enum form choose(const struct file *file, struct str accept)
{
    for (enum form form = FORM_BROTLI; form > FORM_PLAIN; form--)
        if (file->forms[form].p != NULL && accepts(accept, forms[form].coding))
            return form;
    return FORM_PLAIN;
}

static bool matches(struct str if_none_match, struct str etag)
{
    while (if_none_match.n > 0) {
        struct str item = str_trim(str_cut(&if_none_match, ','));
        if (str_starts(item, STR("W/")))
            item = (struct str){item.p + 2, item.n - 2};
        if (str_eq(item, etag) || str_eq(item, STR("*")))
            return true;
    }
    return false;
}

/* The file for a path; the application's own paths (/customers/42) are index.html, lost assets are not. */
static const struct file *find(const struct static_files *files, struct str path)
{
    const struct file *file = map_get(files->by_path, path);
    if (file == NULL && !str_starts(path, STR("/assets/")))
        file = map_get(files->by_path, STR("/index.html"));
    return file != NULL && file->forms[FORM_PLAIN].p != NULL ? file : NULL;
}

void static_answer(struct exchange *exchange)
{
    const struct net_request *request = &exchange->request;
    if (request->method != NET_GET && request->method != NET_HEAD) {
        reply_build_problem(exchange, ERR_METHOD, "GET, HEAD");
        return;
    }
    const struct file *file = find(exchange->net->files, request->path);
    if (file == NULL) {
        reply_build_problem(exchange, ERR_NOT_FOUND, NULL);
        return;
    }
    enum form form = choose(file, exchange->accept_encoding);
    bool unchanged = matches(request->if_none_match, file->etags[form]);
    reply_begin(exchange, unchanged ? 304 : 200, unchanged ? NULL : file->content_type,
        file->immutable ? "public, max-age=31536000, immutable" : "no-cache");
    reply_header(exchange, "ETag", file->etags[form]);
    reply_header(exchange, "Vary", STR("Accept-Encoding"));
    if (unchanged) {
        buf_add_text(&exchange->out, "\r\n");
        return;
    }
    if (form != FORM_PLAIN)
        reply_header(exchange, "Content-Encoding", forms[form].coding);
    reply_end(exchange, file->forms[form]);
}

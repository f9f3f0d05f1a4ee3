/* world/client.c: what stands in DIR/bin as helm, kubectl, systemctl, pgrep …: sends who it is, its arguments and, where asked,
 * its stdin to the world's socket, prints what comes back and ends with its status. Also node-shell (the stand-in for ssh) and
 * sudo, which only run what they are given. Plain libc: it is started hundreds of times in a run. Knows no rule of the world. */
#include <config.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { PATH_BYTES = 4096, MOST_PAIRS = 64, PIPE_BYTES = 16384 };

static volatile sig_atomic_t stopped_by;

static void on_signal(int signo) { stopped_by = signo; }

/* A message that grows; the whole request is sent in one piece behind its length. */
struct bytes {
    char *data;
    size_t len, cap;
};

static void put(struct bytes *b, const void *data, size_t n)
{
    if (b->len + n > b->cap) {
        b->cap = (b->len + n) * 2 + 1024;
        b->data = realloc(b->data, b->cap);
        if (b->data == NULL)
            _exit(70);
    }
    memcpy(b->data + b->len, data, n);
    b->len += n;
}

static void put_text(struct bytes *b, const char *text) { put(b, text, strlen(text) + 1); }

static bool send_all(int fd, const void *data, size_t n)
{
    const char *p = data;
    while (n > 0) {
        ssize_t done = send(fd, p, n, MSG_NOSIGNAL);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        p += done;
        n -= (size_t)done;
    }
    return true;
}

static bool read_all(int fd, void *data, size_t n)
{
    char *p = data;
    while (n > 0) {
        ssize_t got = read(fd, p, n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        p += got;
        n -= (size_t)got;
    }
    return true;
}

static void write_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t done = write(fd, p, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return;
        p += done;
        n -= (size_t)done;
    }
}

/* The world's folder: $CONNECT_MIGRATE_WORLD, else the folder above the one this program lies in. */
static bool find_world(char *dir, size_t size)
{
    const char *said = getenv("CONNECT_MIGRATE_WORLD");
    if (said != NULL && said[0] != '\0') {
        snprintf(dir, size, "%s", said);
        return true;
    }
    ssize_t n = readlink("/proc/self/exe", dir, size - 1);
    if (n <= 0)
        return false;
    dir[n] = '\0';
    for (int i = 0; i < 2; i++) {
        char *slash = strrchr(dir, '/');
        if (slash == NULL || slash == dir)
            return false;
        *slash = '\0';
    }
    return true;
}

static bool staged(const char *dir, const char *drill)
{
    char path[PATH_BYTES + 16], text[32] = "";
    snprintf(path, sizeof path, "%s/drill", dir);
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return false;
    bool read = fgets(text, sizeof text, f) != NULL;
    fclose(f);
    text[strcspn(text, "\r\n")] = '\0';
    return read && strcmp(text, drill) == 0;
}

/* While that accident is staged nobody reaches the old server. */
static bool unreachable(const char *dir) { return staged(dir, "host-unreachable"); }

/* /opt/rstudio-connect/bin/ is DIR/bin/ in the world; everything else is this machine's. */
static void put_mapped(struct bytes *b, const char *dir, const char *text)
{
    static const char from[] = "/opt/rstudio-connect/bin/";
    for (const char *hit; (hit = strstr(text, from)) != NULL; text = hit + sizeof from - 1) {
        put(b, text, (size_t)(hit - text));
        put(b, dir, strlen(dir));
        put(b, "/bin/", 5);
    }
    put_text(b, text);
}

/* As ssh: the command line is run by a shell on "the host", which is this machine with our tools first in PATH. */
static int node_shell(const char *dir, char **argv)
{
    if (argv[1] == NULL || argv[2] == NULL) {
        fprintf(stderr, "usage: node-shell HOST COMMANDLINE\n");
        return 255;
    }
    if (unreachable(dir)) {
        fprintf(stderr, "ssh: connect to host %s port 22: Connection timed out\n", argv[1]);
        return 255;
    }
    struct bytes path = {NULL, 0, 0}, line = {NULL, 0, 0};
    put_mapped(&line, dir, argv[2]);
    const char *old = getenv("PATH");
    put(&path, dir, strlen(dir));
    put(&path, "/bin:", 5);
    put_text(&path, old != NULL ? old : "/usr/sbin:/usr/bin:/sbin:/bin");
    setenv("PATH", path.data, 1);
    setenv("CONNECT_MIGRATE_WORLD", dir, 1);
    setenv("CONNECT_MIGRATE_HOST", argv[1], 1);
    execl("/bin/sh", "sh", "-c", line.data, (char *)NULL);
    perror("node-shell: sh");
    return 255;
}

static int sudo(char **argv)
{
    int i = 1;
    for (; argv[i] != NULL && argv[i][0] == '-'; i++) {
        if (strcmp(argv[i], "--") == 0) {
            i++;
            break;
        }
        if (strcmp(argv[i], "-u") == 0 && argv[i + 1] != NULL)
            i++;
    }
    if (argv[i] == NULL)
        return 1;
    execvp(argv[i], argv + i);
    fprintf(stderr, "sudo: %s: command not found\n", argv[i]);
    return 1;
}

/* hostname(1) of the node: its addresses are those from which its database sessions come. */
static int hostname(char **argv)
{
    const char *host = getenv("CONNECT_MIGRATE_HOST"), *option = argv[1] != NULL ? argv[1] : "";
    if (host == NULL || host[0] == '\0')
        host = "connect1";
    if (strcmp(option, "-I") == 0 || strcmp(option, "-i") == 0)
        printf("127.0.0.1 \n");
    else
        printf("%s%s\n", host, strcmp(option, "-f") == 0 ? ".example.com" : "");
    return 0;
}

/* The account that content runs as exists on the old server; for others the machine's own id(1) answers. */
static int id(char **argv)
{
    int last = 0;
    while (argv[last + 1] != NULL)
        last++;
    if (last > 1 && strcmp(argv[last], "rstudio-connect") == 0 && strcmp(argv[1], "-u") == 0) {
        printf("999\n");
        return 0;
    }
    if (last > 0 && strcmp(argv[last], "rstudio-connect") == 0) {
        printf("uid=999(rstudio-connect) gid=999(rstudio-connect) groups=999(rstudio-connect)\n");
        return 0;
    }
    if (getenv("CONNECT_MIGRATE_POD") != NULL && (strcmp(argv[last], "-u") == 0 || strcmp(argv[last], "-g") == 0)) {
        printf("999\n");
        return 0;
    }
    execv("/usr/bin/id", argv);
    return 127;
}

/* Names in the cluster's network: those of example.com have an address, and whoever has one answers. */
static int getent(char **argv)
{
    const char *name = argv[1] != NULL && argv[2] != NULL ? argv[2] : "", *tail = strstr(name, ".example.com");
    if (tail == NULL || tail[12] != '\0')
        return 2;
    printf("10.20.0.7       %s\n", name);
    return 0;
}

/* A connection through bash's /dev/tcp, host and port behind the script: its answer is the cluster network's. */
static int timeout(const char *dir, char **argv)
{
    for (int i = 1; argv[i] != NULL; i++)
        if (strstr(argv[i], "/dev/tcp/") != NULL) {
            const char *port = argv[i + 1] != NULL && argv[i + 2] != NULL ? argv[i + 2] : "";
            return strcmp(port, "5432") == 0 && staged(dir, "pods-no-database") ? 124 : 0;
        }
    execv("/usr/bin/timeout", argv);
    return 127;
}

/* curl in a pod: the hosts answer, and their certificates are accepted unless an accident is staged (60: see curl(1)). */
static int curl(const char *dir) { return staged(dir, "pods-untrusted") ? 60 : 0; }

static bool wants_stdin(char **argv)
{
    for (int i = 1; argv[i] != NULL; i++) {
        bool file = strcmp(argv[i], "-f") == 0 || strcmp(argv[i], "--filename") == 0 || strcmp(argv[i], "--values") == 0;
        if (file && argv[i + 1] != NULL && strcmp(argv[i + 1], "-") == 0)
            return true;
        if (strcmp(argv[i], "-f-") == 0 || strcmp(argv[i], "-f=-") == 0 || strcmp(argv[i], "--filename=-") == 0)
            return true;
    }
    return false;
}

static int not_running(const char *name)
{
    if (strcmp(name, "kubectl") == 0)
        fprintf(stderr, "The connection to the server 127.0.0.1:6443 was refused - did you specify the right host or port?\n");
    else if (strcmp(name, "helm") == 0)
        fprintf(stderr, "Error: Kubernetes cluster unreachable: Get \"https://127.0.0.1:6443/version\": dial tcp "
                        "127.0.0.1:6443: connect: connection refused\n");
    else if (strcmp(name, "systemctl") == 0)
        fprintf(stderr, "Failed to connect to bus: Connection refused\n");
    else
        fprintf(stderr, "%s: the rehearsal world is not running\n", name);
    return 1;
}

static int dial(const char *dir)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    /* A socket's path is short (108 bytes): go there, so that a deep DIR works too. */
    char cwd[PATH_BYTES];
    bool back = getcwd(cwd, sizeof cwd) != NULL;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    snprintf(to.sun_path, sizeof to.sun_path, "control.sock");
    int failed = chdir(dir) != 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0;
    if (back && chdir(cwd) != 0)
        failed = 1;
    if (failed) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool send_request(int fd, const char *name, char **argv)
{
    struct bytes b = {NULL, 0, 0};
    uint32_t length = 0;
    char cwd[PATH_BYTES], number[16];
    int argc = 0;
    const char *host = getenv("CONNECT_MIGRATE_HOST");
    put(&b, &length, sizeof length);
    put_text(&b, name);
    put_text(&b, host != NULL ? host : "");
    put_text(&b, getcwd(cwd, sizeof cwd) != NULL ? cwd : "/");
    while (argv[1 + argc] != NULL)
        argc++;
    snprintf(number, sizeof number, "%d", argc);
    put_text(&b, number);
    for (int i = 1; i <= argc; i++)
        put_text(&b, argv[i]);
    if (wants_stdin(argv)) {
        char piece[8192];
        ssize_t n;
        while ((n = read(0, piece, sizeof piece)) > 0)
            put(&b, piece, (size_t)n);
    }
    length = (uint32_t)(b.len - sizeof length);
    memcpy(b.data, &length, sizeof length);
    bool sent = send_all(fd, b.data, b.len);
    free(b.data);
    return sent;
}

/* helm works on for a moment here, between the world's two phases: killed now, it leaves the release pending; ended by
 * SIGTERM, it says so and the release becomes failed, as helm does. */
static void pause_between_phases(int fd, const char *ms_text)
{
    long ms = strtol(ms_text, NULL, 10);
    struct timespec rest = {.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000L};
    struct sigaction sa = {.sa_handler = on_signal};
    sigaction(SIGTERM, &sa, NULL);
    sigaction(SIGINT, &sa, NULL);
    while (stopped_by == 0 && nanosleep(&rest, &rest) != 0 && errno == EINTR)
        continue;
    send_all(fd, stopped_by != 0 ? "T" : "C", 1);
}

/* The world answered with a command to run here (kubectl exec): "NAME=value" words first, then "", then argv. */
static int run_here(char *data, size_t n)
{
    char *argv[256];
    size_t count = 0;
    bool environment = true;
    for (char *p = data; p < data + n; p += strlen(p) + 1) {
        if (environment && *p == '\0') {
            environment = false;
            continue;
        }
        if (environment) {
            char *equals = strchr(p, '=');
            if (equals != NULL) {
                *equals = '\0';
                setenv(p, equals + 1, 1);
                p = equals + 1;
            }
        } else if (count + 1 < sizeof argv / sizeof *argv) {
            argv[count++] = p;
        }
    }
    argv[count] = NULL;
    if (count == 0)
        return 1;
    execvp(argv[0], argv);
    fprintf(stderr, "error: Internal error occurred: exec failed: \"%s\": %s\n", argv[0], strerror(errno));
    return errno == ENOENT ? 127 : 126;
}

struct half {
    int from, to;
    char data[PIPE_BYTES];
    size_t at, len;
    bool ended;
};
struct pair {
    bool used;
    struct half out, in;
};

static int listen_on(uint16_t *port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(*port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(fd, 64) != 0 || getsockname(fd, (struct sockaddr *)&a, &n) != 0) {
        close(fd);
        return -1;
    }
    *port = ntohs(a.sin_port);
    return fd;
}

static void accept_pair(int listener, struct pair *pairs, uint16_t target)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(target), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1, near = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (near < 0)
        return;
    int far = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct pair *p = NULL;
    for (int i = 0; i < MOST_PAIRS && p == NULL; i++)
        if (!pairs[i].used)
            p = &pairs[i];
    if (far < 0 || p == NULL || connect(far, (struct sockaddr *)&a, sizeof a) != 0) {
        close(near);
        if (far >= 0)
            close(far);
        return;
    }
    setsockopt(near, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(far, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    memset(p, 0, sizeof *p);
    p->used = true;
    p->out.from = p->in.to = near;
    p->out.to = p->in.from = far;
}

/* false: the connection is broken. */
static bool move_bytes(struct half *h, bool readable, bool writable)
{
    if (readable && h->len == 0 && !h->ended) {
        ssize_t n = recv(h->from, h->data, sizeof h->data, MSG_DONTWAIT);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR;
        if (n == 0) {
            h->ended = true;
            shutdown(h->to, SHUT_WR);
        }
        h->at = 0;
        h->len = (size_t)n;
        writable = true;
    }
    if (writable && h->len > 0) {
        ssize_t n = send(h->to, h->data + h->at, h->len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR;
        h->at += (size_t)n;
        h->len -= (size_t)n;
    }
    return true;
}

static void relay(struct pair *p, short near, short far)
{
    bool ok = move_bytes(&p->out, (near & (POLLIN | POLLHUP)) != 0, (far & POLLOUT) != 0) &&
              move_bytes(&p->in, (far & (POLLIN | POLLHUP)) != 0, (near & POLLOUT) != 0);
    bool over = p->out.ended && p->in.ended && p->out.len == 0 && p->in.len == 0;
    if (!ok || over || ((near | far) & POLLERR) != 0) {
        close(p->out.from);
        close(p->in.from);
        p->used = false;
    }
}

static short wanted(const struct half *reading, const struct half *writing)
{
    short events = 0;
    if (reading->len == 0 && !reading->ended)
        events |= POLLIN;
    if (writing->len > 0)
        events |= POLLOUT;
    return events;
}

/* Relay until the world says that the pod is gone (its next frame). "LOCAL TARGET SHOWN" in text. */
static int port_forward(int control, const char *text)
{
    unsigned local = 0, target = 0, shown = 3939;
    if (sscanf(text, "%u %u %u", &local, &target, &shown) < 2)
        return 1;
    uint16_t port = (uint16_t)local;
    int listener = listen_on(&port);
    if (listener < 0) {
        fprintf(stderr,
                "Unable to listen on port %u: Listeners failed to create with the following errors: [unable to create "
                "listener: Error listen tcp4 127.0.0.1:%u: bind: address already in use]\n"
                "error: unable to listen on any of the requested ports: [{%u %u}]\n",
                local, local, local, shown);
        return 1;
    }
    printf("Forwarding from 127.0.0.1:%u -> %u\n", (unsigned)port, shown);
    fflush(stdout);
    struct pair *pairs = calloc(MOST_PAIRS, sizeof *pairs);
    if (pairs == NULL)
        return 1;
    for (;;) {
        struct pollfd fds[2 + 2 * MOST_PAIRS];
        fds[0] = (struct pollfd){.fd = control, .events = POLLIN};
        fds[1] = (struct pollfd){.fd = listener, .events = POLLIN};
        for (int i = 0; i < MOST_PAIRS; i++) {
            struct pair *p = &pairs[i];
            fds[2 + 2 * i] = (struct pollfd){.fd = p->used ? p->out.from : -1, .events = p->used ? wanted(&p->out, &p->in) : 0};
            fds[3 + 2 * i] = (struct pollfd){.fd = p->used ? p->in.from : -1, .events = p->used ? wanted(&p->in, &p->out) : 0};
            /* a half that has nothing to do must not spin on POLLHUP */
            for (int k = 2; k < 4; k++)
                if (fds[k + 2 * i].events == 0)
                    fds[k + 2 * i].fd = -1;
        }
        if (poll(fds, 2 + 2 * MOST_PAIRS, -1) < 0 && errno != EINTR)
            return 1;
        if (fds[0].revents != 0)
            return -1; /* the caller reads what the world says */
        for (int i = 0; i < MOST_PAIRS; i++)
            if (pairs[i].used)
                relay(&pairs[i], fds[2 + 2 * i].revents, fds[3 + 2 * i].revents);
        if ((fds[1].revents & POLLIN) != 0)
            accept_pair(listener, pairs, (uint16_t)target);
    }
}

static int follow(int fd, const char *name)
{
    for (;;) {
        struct {
            char type;
            char length[4];
        } head;
        uint32_t length;
        if (!read_all(fd, &head, sizeof head))
            return not_running(name);
        memcpy(&length, head.length, sizeof length);
        if (head.type == 'X')
            return (int)length;
        char *data = malloc((size_t)length + 1);
        if (data == NULL || !read_all(fd, data, length))
            return not_running(name);
        data[length] = '\0';
        int status = -1;
        if (head.type == 'O' || head.type == 'E')
            write_all(head.type == 'O' ? 1 : 2, data, length);
        else if (head.type == 'P')
            pause_between_phases(fd, data);
        else if (head.type == 'F')
            status = port_forward(fd, data);
        else if (head.type == 'R')
            status = run_here(data, length);
        free(data);
        if (status >= 0)
            return status;
    }
}

int main(int argc, char **argv)
{
    char dir[PATH_BYTES];
    if (argc < 1 || !find_world(dir, sizeof dir)) {
        fprintf(stderr, "the rehearsal world's folder was not found\n");
        return 1;
    }
    const char *slash = strrchr(argv[0], '/');
    const char *name = slash != NULL ? slash + 1 : argv[0];
    if (strcmp(name, "node-shell") == 0)
        return node_shell(dir, argv);
    if (strcmp(name, "sudo") == 0)
        return sudo(argv);
    if (strcmp(name, "hostname") == 0)
        return hostname(argv);
    if (strcmp(name, "id") == 0)
        return id(argv);
    if (strcmp(name, "getent") == 0)
        return getent(argv);
    if (strcmp(name, "timeout") == 0)
        return timeout(dir, argv);
    if (strcmp(name, "curl") == 0)
        return curl(dir);
    int fd = dial(dir);
    if (fd < 0 || !send_request(fd, name, argv))
        return not_running(name);
    return follow(fd, name);
}

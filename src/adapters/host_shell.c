/* adapters/host_shell.c: how a command line gets to a node: here, by ssh, or by the plan's own command (adapters/host.h).
 *
 * ssh gets the user's own configuration and is never in a position to ask anybody. How a connection is shared stands in
 * host_share.c, whose fault a failure is in host_blame.c. */
#include <config.h>

#include "adapters/host_shell.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "plan/plan.h"

struct cm_host *cm_host_new(const struct cm_plan *plan, const char *name)
{
    struct cm_host *h = cm_alloc(sizeof *h);
    h->name = cm_strdup(name);
    const json_t *shell = cm_plan_get(plan, "source.shell");
    const char *word = json_string_value(shell);
    if (json_is_array(shell)) {
        h->way = CM_HOST_LIST;
        h->shell = shell;
    } else if ((word != NULL && strcmp(word, "local") == 0) || strcmp(name, "localhost") == 0) {
        h->way = CM_HOST_HERE;
    } else {
        h->way = CM_HOST_SSH;
    }
    h->become = cm_plan_get(plan, "source.become");
    h->ssh = cm_plan_text(plan, "tools.ssh");
    if (h->ssh == NULL)
        h->ssh = "ssh";
    h->service = cm_plan_text(plan, "source.service");
    if (h->service == NULL)
        h->service = "rstudio-connect";
    return h;
}

void cm_host_free(struct cm_host *h)
{
    if (h == NULL)
        return;
    free(h->name);
    free(h->control);
    free(h->lock);
    free(h);
}

const char *cm_host_name(const struct cm_host *h) { return h->name; }

bool cm_host_has_become(const struct cm_host *h)
{
    /* Root here needs nobody's leave, and a container may have no sudo. */
    return json_array_size(h->become) > 0 && !(h->way == CM_HOST_HERE && geteuid() == 0);
}

static void add_words(struct cm_str *s, const json_t *words)
{
    size_t i;
    const json_t *word;
    json_array_foreach(words, i, word)
    {
        cm_shell_quote(s, json_string_value(word));
        cm_str_add(s, " ");
    }
}

char *cm_host_line(const struct cm_host *h, bool become, const char *const *argv)
{
    struct cm_str s = CM_STR(CM_STR_PAGE);
    cm_str_add(&s, "LC_ALL=C "); /* what the tools say is read below; sudo keeps LC_* (sudoers, env_check) */
    if (become && cm_host_has_become(h))
        add_words(&s, h->become);
    cm_autofree char *command = cm_shell_join(argv);
    cm_str_add(&s, command);
    return cm_str_take(&s);
}

/* ---- ssh ---- */

/* BatchMode holds for the node itself, not for a jump host's ssh (ssh_config(5), ProxyJump): that one must not find a way to ask either. */
static const char *const never_ask[] = {"SSH_ASKPASS_REQUIRE=never", NULL};

void cm_host_ssh_begin(struct cm_argv *argv, struct cm_cmd *cmd, const struct cm_host *h)
{
    cm_argv_add(argv, h->ssh);
    cm_argv_add2(argv, "-o", "BatchMode=yes");
    cm_argv_add2(argv, "-o", "ConnectTimeout=10");
    if (!h->keeps_alive) {
        cm_argv_add2(argv, "-o", "ServerAliveInterval=15");
        cm_argv_add2(argv, "-o", "ServerAliveCountMax=4");
    }
    cmd->env = never_ask;
}

static void add_ssh(struct cm_host_cmd *c, const struct cm_host *h)
{
    cm_host_ssh_begin(&c->argv, &c->cmd, h);
    cm_host_share_options(&c->argv, h);
    cm_argv_add(&c->argv, h->name);
    cm_argv_add(&c->argv, "--");
}

/* ---- the plan's own command ---- */

static const char *with_host(struct cm_arena *arena, const char *word, const char *host)
{
    struct cm_str s = CM_STR(CM_STR_PAGE);
    for (const char *at; (at = strstr(word, "{host}")) != NULL; word = at + strlen("{host}")) {
        cm_str_add_bytes(&s, word, (size_t)(at - word));
        cm_str_add(&s, host);
    }
    cm_str_add(&s, word);
    const char *text = cm_arena_strdup(arena, cm_str_text(&s));
    cm_str_fini(&s);
    return text;
}

static void add_list(struct cm_argv *argv, struct cm_arena *arena, const struct cm_host *h)
{
    size_t i;
    const json_t *word;
    json_array_foreach(h->shell, i, word) cm_argv_add(argv, with_host(arena, json_string_value(word), h->name));
}

void cm_host_cmd_begin(struct cm_host_cmd *c, const struct cm_host *h, const char *line)
{
    *c = (struct cm_host_cmd){.arena = cm_arena_new()};
    if (h->way == CM_HOST_HERE) {
        cm_argv_add(&c->argv, "sh");
        cm_argv_add(&c->argv, "-c");
    } else if (h->way == CM_HOST_SSH) {
        add_ssh(c, h);
    } else {
        add_list(&c->argv, c->arena, h);
    }
    cm_argv_add(&c->argv, cm_arena_strdup(c->arena, line));
    c->cmd.argv = c->argv.list;
}

void cm_host_cmd_fini(struct cm_host_cmd *c)
{
    cm_argv_fini(&c->argv);
    cm_arena_free(c->arena);
}

char *cm_host_by_hand(const struct cm_host *h, const char *const *argv)
{
    struct cm_str s = CM_STR(CM_STR_PAGE);
    if (cm_host_has_become(h)) {
        size_t i;
        const json_t *word;
        json_array_foreach(h->become, i, word)
        {
            if (i > 0 && strcmp(json_string_value(word), "-n") == 0)
                continue; /* a person can be asked for a password */
            cm_shell_quote(&s, json_string_value(word));
            cm_str_add(&s, " ");
        }
    }
    cm_autofree char *command = cm_shell_join(argv);
    cm_str_add(&s, command);
    if (h->way == CM_HOST_HERE)
        return cm_str_take(&s);
    cm_autoarena arena = cm_arena_new();
    cm_autoargv words = {0};
    cm_autofree char *inner = cm_str_take(&s);
    if (h->way == CM_HOST_LIST)
        add_list(&words, arena, h);
    else {
        cm_argv_add2(&words, h->ssh, "-t");
        cm_argv_add(&words, h->name);
    }
    cm_argv_add(&words, inner);
    return cm_shell_join(words.list);
}

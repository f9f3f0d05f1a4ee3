/* connect-migrate-run: descriptors and signals as they must be, then the command. The only place that ends the program. */
#include <config.h>

#include <fcntl.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "cli/completion.h"
#include "cli/ending.h"
#include "cli/options.h"
#include "cli/wrap.h"

/* A file opened as descriptor 0, 1 or 2 would take what is meant for people. */
static void open_standard_descriptors(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO)
        close(fd);
}

static int carry_out(const struct cm_invocation *in, struct cm_err **err)
{
    int loud = (int)cm_given_times(in, CM_O_VERBOSE) - (int)cm_given_times(in, CM_O_QUIET);
    cm_log_level(loud < 0 ? CM_QUIET : loud > 1 ? CM_DEBUG : loud > 0 ? CM_VERBOSE : CM_NORMAL);
    if (in->version) {
        printf("connect-migrate-run %s\n", PACKAGE_VERSION);
        return CM_E_OK;
    }
    if (in->help) {
        cm_print_help(stdout, in->command);
        return CM_E_OK;
    }
    return in->command->run(in, err);
}

/* A full disk must not pass for success. A reader that left early (head) is told by the status alone. */
static bool answer_lost(void)
{
    struct pollfd p = {.fd = STDOUT_FILENO, .events = POLLOUT};
    if (fflush(stdout) == 0 && !ferror(stdout))
        return false;
    if (poll(&p, 1, 0) < 0 || !(p.revents & POLLERR))
        fputs("connect-migrate-run: the answer could not be written to standard output\n", stderr);
    return true;
}

static void print_error(const struct cm_err *err)
{
    cm_autofree char *text = cm_error_text(err, CM_WIDTH);
    fputs(text, stderr);
}

int main(int argc, char **argv)
{
    struct cm_invocation in;
    struct cm_err *err = NULL;
    open_standard_descriptors();
    signal(SIGPIPE, SIG_IGN);
    setlocale(LC_CTYPE, "");
    cm_mem_init();
    if (argc > 1 && strcmp(argv[1], CM_COMPLETION_WORD) == 0) {
        cm_complete(stdout, (const char *const *)(argv + 2), (size_t)argc - 2);
        return fflush(stdout) == 0 ? CM_E_OK : CM_E_FAILED;
    }
    int status = cm_parse(argc, argv, &in, &err) < 0 ? -1 : carry_out(&in, &err);
    if (err)
        print_error(err);
    if (status < 0 || (status == 0 && err))
        status = (int)cm_err_code(err);
    cm_err_free(err);
    cm_invocation_fini(&in);
    if (answer_lost() && status == CM_E_OK)
        status = CM_E_FAILED;
    cm_mask_fini();
    return status;
}

/*
 * The program: one binary, several subcommands. Exit status 0 good, 1 the answer is no, 2 wrong use, 3 could
 * not do it.
 */
#include "main/main_int.h"

#include <getopt.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct command {
    const char *name;
    int (*run)(const struct options *options);
    const char *options; /* letters of the options it takes */
    const char *help;
};

static int command_version(const struct options *options)
{
    (void)options;
    puts("tidemark " TIDEMARK_VERSION);
    return EXIT_GOOD;
}

static const struct command COMMANDS[] = {
    {"serve", command_serve, "cdpnr",
        "serve [--data DIR] [--config FILE] [--port N] [--no-demo] [--rows N]\n"
        "  Brings up the database, applies migrations, loads first contents, serves until SIGINT or SIGTERM.\n"},
    {"sql", command_sql, "cda",
        "sql [--data DIR] [--as owner|app|feed] [-- CLIENT OPTIONS]\n"
        "  The MariaDB client on this instance, as the schema's owner unless another account is named.\n"},
    {"migrate", command_migrate, "cd",
        "migrate [--data DIR] [--config FILE]\n  Brings up the database and applies what migrations are missing.\n"},
    {"check", command_check, "cd",
        "check [--data DIR] [--config FILE]\n"
        "  Checks the configuration, and the settings, rights and clock of the database that is running.\n"},
    {"user", command_user, "cdNDR",
        "user add LOGIN --name NAME [--department KEY] [--role KEY]…\n"
        "user reset|disable|enable LOGIN   [--data DIR] [--config FILE]\n"
        "  People, while a server runs in the data folder: add somebody, or give a new first password (printed once), or\n"
        "  shut somebody out, or let him in again. Open sessions of who is reset or disabled end within a second.\n"},
    {"form", command_form, "cd",
        "form add FILE   [--data DIR] [--config FILE]\n"
        "  A new form from a definition, while a server runs in the data folder. Nobody sees it until it is granted.\n"},
    {"audit", command_audit, "cdFTKS",
        "audit export [--from TIME] [--to TIME] [--data DIR] [--config FILE]\n"
        "audit verify [--key KEY]… [--seal FILE] [FILE | --data DIR]\n"
        "audit rotate [--data DIR] [--config FILE]\n"
        "  The log's proof. export: the sealed log as lines of JSON on standard output, all of it or what was sealed\n"
        "  between two times (2026-11-28T00:00:00Z). verify: an exported file (- for standard input), with nothing but\n"
        "  the file; without one, the log of the server that runs in the data folder. KEY: a public key that was kept\n"
        "  elsewhere, or a file that holds it; --seal: a file of seals that were. rotate: another key for the seals.\n"},
    {"config", command_config, "",
        "config\n  Prints every setting with its default, as a configuration file.\n"},
    {"version", command_version, "", "version\n  Prints the version.\n"},
};
enum { MAPPED_BYTES = 1 << 20, N_COMMANDS = sizeof(COMMANDS) / sizeof(COMMANDS[0]) };

static void print_usage(FILE *to)
{
    fputs("usage: tidemark COMMAND [OPTIONS]\n\n", to);
    for (size_t i = 0; i < N_COMMANDS; i++)
        fputs(COMMANDS[i].help, to);
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (strcmp(COMMANDS[i].name, name) == 0)
            return &COMMANDS[i];
    return NULL;
}

static int wrong_use(const struct command *command)
{
    fprintf(stderr, "usage: tidemark %s", command->help);
    return EXIT_USAGE + 1;
}

/* False: no such option of this command. */
static bool take_option(const struct command *command, int letter, struct options *options)
{
    if (!strchr(command->options, letter))
        return false;
    switch (letter) {
    case 'c':
        options->config = optarg;
        return true;
    case 'd':
        options->data = optarg;
        return true;
    case 'p':
        options->port = optarg;
        return true;
    case 'r':
        options->rows = optarg;
        return true;
    case 'a':
        options->as = optarg;
        return true;
    case 'n':
        options->no_demo = true;
        return true;
    case 'N':
        options->name = optarg;
        return true;
    case 'D':
        options->department = optarg;
        return true;
    case 'F':
        options->from = optarg;
        return true;
    case 'T':
        options->to = optarg;
        return true;
    case 'S':
        options->kept = optarg;
        return true;
    case 'K':
        if (options->n_keys == OPTION_KEYS_MAX)
            return false;
        options->keys[options->n_keys++] = optarg;
        return true;
    case 'R':
        if (options->n_roles == OPTION_ROLES_MAX)
            return false;
        options->roles[options->n_roles++] = optarg;
        return true;
    default:
        return false;
    }
}

/* 0: go on; else the exit status plus one. */
static int read_options(const struct command *command, int argc, char **argv, struct options *options)
{
    static const struct option LONG[] = {{"config", required_argument, NULL, 'c'},
        {"data", required_argument, NULL, 'd'}, {"port", required_argument, NULL, 'p'},
        {"no-demo", no_argument, NULL, 'n'}, {"rows", required_argument, NULL, 'r'},
        {"as", required_argument, NULL, 'a'}, {"name", required_argument, NULL, 'N'},
        {"department", required_argument, NULL, 'D'}, {"role", required_argument, NULL, 'R'},
        {"from", required_argument, NULL, 'F'}, {"to", required_argument, NULL, 'T'},
        {"key", required_argument, NULL, 'K'}, {"seal", required_argument, NULL, 'S'},
        {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    /* Of `user`, `form` and `audit`, options may follow the words; of `sql`, what follows belongs to the
     * client. */
    const bool words =
        command->run == command_user || command->run == command_form || command->run == command_audit;
    const char *letters = words ? "h" : "+h";
    int letter;
    while ((letter = getopt_long(argc, argv, letters, LONG, NULL)) != -1) {
        if (letter == 'h') {
            fputs(command->help, stdout);
            return EXIT_GOOD + 1;
        }
        if (!take_option(command, letter, options))
            return wrong_use(command);
    }
    options->rest = argv + optind;
    options->n_rest = argc - optind;
    if (options->n_rest > 0 && command->run != command_sql && !words)
        return wrong_use(command);
    return 0;
}

int main(int argc, char **argv)
{
    /* Large blocks (a password hash takes 19 MiB) are mapped each for itself, so that they go back at once. A
     * fixed threshold, for glibc would raise its own after the first such block. */
    (void)mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES);
    struct options options = {.data = "var"};
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_usage(argc < 2 ? stderr : stdout);
        return argc < 2 ? EXIT_USAGE : EXIT_GOOD;
    }
    const struct command *command = find_command(argv[1]);
    if (!command) {
        print_usage(stderr);
        return EXIT_USAGE;
    }
    int status = read_options(command, argc - 1, argv + 1, &options);
    return status != 0 ? status - 1 : command->run(&options);
}

/* Subcommands that work beside the running server of a data folder, in the name of the system. */
#include "loop/loop.h"
#include "main/main_int.h"

#include <stdio.h>
#include <unistd.h>

static task_fn void run(void *arg)
{
    struct beside *beside = arg;
    struct house *house = &beside->boot.house;
    struct err err = {0};
    int rc = boot_house(&beside->boot, &err);
    if (rc == 0) {
        beside->caller = (struct caller){.house = house,
            .world = world_now(house),
            .login = STR("system"),
            .address = arena_printf(task_arena(), "uid %lu", (unsigned long)getuid()),
            .request = arena_printf(task_arena(), "tidemark-%s", beside->name)};
        rc = beside->run(beside, &err);
        world_unref(beside->caller.world);
    }
    if (rc < 0) {
        fprintf(stderr, "tidemark: %s: %s%s\n", beside->name,
            err.detail[0] ? err.detail : err_title(err.code, ERR_LANG_EN),
            err.code == ERR_UNAVAILABLE ? "; is the server of this data folder running?" : "");
        beside->status = EXIT_FAILED;
    }
    boot_down(&beside->boot);
}

int beside_run(struct beside *beside)
{
    struct conf *conf = options_conf(beside->options);
    if (!conf)
        return EXIT_USAGE;
    struct arena *arena = arena_new();
    beside->boot = (struct boot){.conf = conf, .arena = arena, .share = share_dir(arena)};
    if (options_data(beside->options, false, arena, &beside->boot.data)) {
        loop_init();
        (void)task_spawn(beside->name, run, beside);
        loop_run();
        loop_done();
    } else {
        beside->status = EXIT_FAILED;
    }
    conf_free(conf);
    arena_free(arena);
    return beside->status;
}

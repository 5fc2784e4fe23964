/* Walks a tree by all functions of libc's for that. What is told in the order of a directory has one file in each. */
#define _GNU_SOURCE
#include <errno.h>
#include <fts.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static size_t skipped;
static const char *stop;
static long sum, count;

static int visit(const char *path, const struct stat *stat, int what, struct FTW *place)
{
    printf("%s %d %d %s", path + skipped, what, place->level, path + place->base);
    printf(what == FTW_NS ? "\n" : " %o %ld\n", stat->st_mode, S_ISDIR(stat->st_mode) ? 0L : (long)stat->st_size);
    return stop && strcmp(path + place->base, stop) == 0 ? 7 : 0;
}

static int along(const char *path, const struct stat *stat, int what, struct FTW *place)
{
    struct stat here;
    count += lstat(path + place->base, &here) == 0 && here.st_ino == stat->st_ino;
    sum += place->level * 10 + what;
    return 0;
}

static int picky(const char *path, const struct stat *stat, int what, struct FTW *place)
{
    count++;
    if (strcmp(path + place->base, ".config") == 0)
        return FTW_SKIP_SUBTREE;
    return strcmp(path + place->base, "c") == 0 ? FTW_SKIP_SIBLINGS : FTW_CONTINUE;
}

static int old(const char *path, const struct stat *stat, int what)
{
    count++;
    sum += what;
    return 0;
}

static int by_name(const FTSENT **one, const FTSENT **other)
{
    return strcmp((*one)->fts_name, (*other)->fts_name);
}

static void walk(char **paths, int options)
{
    FTS *fts = fts_open(paths, options, by_name);
    FTSENT *entry;
    if (!fts) {
        printf("fts_open: %s\n", strerror(errno));
        return;
    }
    while ((entry = fts_read(fts))) {
        printf("%d %d %s %s", entry->fts_info, entry->fts_level, entry->fts_name, entry->fts_path + skipped);
        printf(" %d %d", entry->fts_pathlen - (int)skipped, entry->fts_namelen);
        if (entry->fts_info == FTS_NS)
            printf(" %s", strerror(entry->fts_errno));
        if (entry->fts_info == FTS_DP)
            printf(" %ld", entry->fts_number);
        if (entry->fts_level > 0)
            entry->fts_parent->fts_number++;
        printf(entry->fts_info == FTS_DC ? " of %s\n" : "\n", entry->fts_info == FTS_DC ? entry->fts_cycle->fts_name : "");
        if (strcmp(entry->fts_name, ".config") == 0)
            fts_set(fts, entry, FTS_SKIP);
        if (strcmp(entry->fts_name, "anna") == 0 && entry->fts_info == FTS_SL)
            fts_set(fts, entry, FTS_FOLLOW);
        if (strcmp(entry->fts_name, "deep") == 0 && entry->fts_info == FTS_D)
            for (FTSENT *child = fts_children(fts, 0); child; child = child->fts_link)
                printf("child %s\n", child->fts_name);
    }
    printf("%d\n", errno);
    fts_close(fts);
}

static void counted(const char *name, int answer)
{
    int error = answer < 0 ? errno : 0;
    printf("%s %d %s %ld %ld\n", name, answer, strerror(error), count, sum);
    count = sum = 0;
}

int main(int argc, char **argv)
{
    char nowhere[4096], deep[4096], up[4096];
    if (argc < 2)
        return 2;
    skipped = strlen(argv[1]);
    snprintf(nowhere, sizeof nowhere, "%s/nowhere", argv[1]);
    snprintf(deep, sizeof deep, "%s/deep//", argv[1]);
    snprintf(up, sizeof up, "%s/deep/a/up", argv[1]);
    counted("physical", nftw(deep, visit, 5, FTW_PHYS));
    counted("depth", nftw(deep, visit, 5, FTW_PHYS | FTW_DEPTH));
    counted("mount", nftw(deep, visit, 5, FTW_MOUNT));
    stop = "c";
    counted("stop", nftw(deep, visit, 5, FTW_PHYS));
    counted("nowhere", nftw(nowhere, visit, 5, 0));
    if (symlink("..", up) != 0)
        return 1;
    counted("chdir", nftw(argv[1], along, 5, FTW_PHYS | FTW_CHDIR));
    counted("actions", nftw(argv[1], picky, 5, FTW_PHYS | FTW_ACTIONRETVAL));
    counted("logical", nftw(deep, along, 5, 0));
    counted("old", ftw(argv[1], old, 5));
    char *paths[] = { argv[1], nowhere, NULL };
    walk(paths, FTS_PHYSICAL | FTS_NOCHDIR);
    walk(paths, FTS_LOGICAL | FTS_NOCHDIR | FTS_XDEV);
    walk(paths, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_SEEDOT | FTS_NOCHDIR);
    walk(paths, 1 << 20);
    return 0;
}

/*
 * Replay: runs a fuzz target over saved inputs, so that each corpus file is a regression test
 * in every build, with no fuzzing engine.
 *
 *     fuzz_TARGET DIRECTORY
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { REPLAY_INPUT_BYTES_MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *directory, const char *name, uint8_t *input)
{
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return 1;
    }
    const size_t size = fread(input, 1, REPLAY_INPUT_BYTES_MAX, file);
    (void)fclose(file);
    return LLVMFuzzerTestOneInput(input, size);
}

int main(int argc, char **argv)
{
    DIR *directory = argc == 2 ? opendir(argv[1]) : NULL;
    uint8_t *input = malloc(REPLAY_INPUT_BYTES_MAX);
    if (directory == NULL || input == NULL) {
        (void)fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
        return 2;
    }
    int count = 0;
    int failures = 0;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        failures += replay_file(argv[1], entry->d_name, input) != 0;
        count++;
    }
    (void)closedir(directory);
    free(input);
    printf("%d inputs replayed, %d failed\n", count, failures);
    return count > 0 && failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Whether the system has threads for a team: where it has not, libgomp ends the process. */
#ifndef TINYDL_TEAM_H
#define TINYDL_TEAM_H

#if defined(_WIN32)
static inline int td_can_start(int n) { (void)n; return 1; }
#else
#include <pthread.h>
#include <stdlib.h>

static inline void *td_pass(void *gate) {
    pthread_mutex_lock((pthread_mutex_t *)gate);
    pthread_mutex_unlock((pthread_mutex_t *)gate);
    return NULL;
}

/* Whether `n` threads can be there at once, besides those that are: they are started, and ended again. */
static inline int td_can_start(int n) {
    pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
    pthread_t *threads = (pthread_t *)malloc((size_t)n * sizeof *threads);
    int started = 0;
    if (!threads) return 0;
    pthread_mutex_lock(&gate);
    while (started < n && pthread_create(&threads[started], NULL, td_pass, &gate) == 0) started++;
    pthread_mutex_unlock(&gate);
    for (int k = 0; k < started; k++) pthread_join(threads[k], NULL);
    free(threads);
    return started == n;
}
#endif

#endif

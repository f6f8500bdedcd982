/* The activations by number and by name: the order of their rows in activations.h. */
#ifndef TINYDL_ACTIVATION_NAMES_H
#define TINYDL_ACTIVATION_NAMES_H

#define ACTIVATION(name, READS, VALUE, GRADIENT) TD_ACTIVATION_##name,
enum {
#include "src/activations.h"
    TD_N_ACTIVATIONS
};
#undef ACTIVATION

#define ACTIVATION(name, READS, VALUE, GRADIENT) #name,
__attribute__((unused)) static const char *const td_activation_names[] = {
#include "src/activations.h"
};
#undef ACTIVATION

#endif

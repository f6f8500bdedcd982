/* What a Cortex-M4 needs to run a network and print its answers: vectors, memory, and a way out to the debugger.

   arm-none-eabi-gcc -mcpu=cortex-m4 -mthumb -Os -ffreestanding -nostdlib -T memory.ld start.c -lgcc -o model.elf
   qemu-system-arm -M mps2-an386 -nographic -semihosting -kernel model.elf

   model.c is the network, inputs.h holds `static const int8_t inputs[N][MODEL_INPUT_SIZE]`. */

#include "model.c"
#include "inputs.h"

extern uint32_t data_from[], data_start[], data_end[], bss_start[], bss_end[];

/* Semihosting: the debugger, here QEMU, does what register 0 asks for. */
static void ask(uint32_t what, const void *with)
{
    register uint32_t r0 __asm__("r0") = what;
    register const void *r1 __asm__("r1") = with;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}

static void answers(void)
{
    static const char digits[] = "0123456789abcdef";
    static int8_t y[MODEL_OUTPUT_SIZE];
    static char line[2 * MODEL_OUTPUT_SIZE + 2];
    for (uint32_t n = 0; n < sizeof inputs / sizeof inputs[0]; n++) {
        model_predict(inputs[n], y);
        for (uint32_t k = 0; k < MODEL_OUTPUT_SIZE; k++) {
            line[2 * k] = digits[(uint8_t)y[k] >> 4];
            line[2 * k + 1] = digits[y[k] & 15];
        }
        line[2 * MODEL_OUTPUT_SIZE] = '\n';
        ask(4, line); /* SYS_WRITE0 */
    }
}

void reset(void)
{
    const uint32_t *from = data_from;
    for (volatile uint32_t *to = data_start; to < data_end;)
        *to++ = *from++;
    for (volatile uint32_t *to = bss_start; to < bss_end;)
        *to++ = 0;
    answers();
    ask(0x18, (const void *)0x20026); /* SYS_EXIT: the application is done */
    for (;;)
        ;
}

/* The compiler may put calls of these anywhere. */
void *memcpy(void *to, const void *from, uint32_t n)
{
    volatile char *t = to;
    const char *f = from;
    while (n--)
        *t++ = *f++;
    return to;
}

void *memset(void *to, int value, uint32_t n)
{
    volatile char *t = to;
    while (n--)
        *t++ = (char)value;
    return to;
}

extern uint32_t stack_top[];
__attribute__((section(".vectors"), used)) static const void *const vectors[] = {stack_top, reset, reset, reset};

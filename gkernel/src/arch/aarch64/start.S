// The entry of a guest at EL1: translation off, running at the addresses where it was loaded, SP set
// by the hypervisor. Every access is relative to the program counter until the jump to the high half.

.section .text.boot, "ax"
.global _start
_start:
    adrp    x8, guest_argument
    str     x1, [x8, :lo12:guest_argument]
    adrp    x8, guest_l1
    add     x8, x8, :lo12:guest_l1
    msr     ttbr0_el1, x8           // for the next few instructions
    msr     ttbr1_el1, x8
    ldr     x8, ={mair}
    msr     mair_el1, x8
    ldr     x8, ={tcr}
    msr     tcr_el1, x8
    isb
    tlbi    vmalle1
    dsb     nsh
    ldr     x8, ={sctlr}
    msr     sctlr_el1, x8
    isb
    ldr     x8, =guest_high
    br      x8
guest_high:
    ldr     x8, ={tcr_high_only}
    msr     tcr_el1, x8
    isb
    tlbi    vmalle1
    dsb     nsh
    isb
    ldr     x8, ={offset}
    add     sp, sp, x8
    adrp    x8, guest_vectors
    add     x8, x8, :lo12:guest_vectors
    msr     vbar_el1, x8
    bl      main
    brk     #1                      // `main` shuts down

// An exception: keep what a Rust function may change, and hand over the syndrome. Only a page fault
// at EL1 that the handler has mended comes back.
.macro VECTOR kind
.p2align 7
    sub     sp, sp, #192
    stp     x0,  x1,  [sp, #0]
    mov     x0, \kind
    b       guest_exception_entry
.endm

.section .text
.p2align 11
guest_vectors:
    .irp kind, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    VECTOR  \kind
    .endr

guest_exception_entry:
    stp     x2,  x3,  [sp, #16]
    stp     x4,  x5,  [sp, #32]
    stp     x6,  x7,  [sp, #48]
    stp     x8,  x9,  [sp, #64]
    stp     x10, x11, [sp, #80]
    stp     x12, x13, [sp, #96]
    stp     x14, x15, [sp, #112]
    stp     x16, x17, [sp, #128]
    stp     x18, x29, [sp, #144]
    mrs     x1, elr_el1
    mrs     x2, spsr_el1
    stp     x30, x1,  [sp, #160]
    str     x2,       [sp, #176]
    bl      {exception}             // gives the number of instructions to skip
    ldp     x30, x1,  [sp, #160]
    add     x1, x1, x0, lsl #2
    ldr     x2,       [sp, #176]
    msr     elr_el1, x1
    msr     spsr_el1, x2
    ldp     x2,  x3,  [sp, #16]
    ldp     x4,  x5,  [sp, #32]
    ldp     x6,  x7,  [sp, #48]
    ldp     x8,  x9,  [sp, #64]
    ldp     x10, x11, [sp, #80]
    ldp     x12, x13, [sp, #96]
    ldp     x14, x15, [sp, #112]
    ldp     x16, x17, [sp, #128]
    ldp     x18, x29, [sp, #144]
    ldp     x0,  x1,  [sp, #0]
    add     sp, sp, #192
    eret

// The entry of a guest at EL1: translation off, running at the addresses where it was loaded, SP set
// by the hypervisor. Every access is relative to the program counter until the jump to the high half.

.section .text.boot, "ax"
.global _start
_start:
    str     x30, [sp, #-16]!
    adrp    x30, guest_start_state
    add     x30, x30, :lo12:guest_start_state
    stp     x0,  x1,  [x30, #0]
    stp     x2,  x3,  [x30, #16]
    stp     x4,  x5,  [x30, #32]
    stp     x6,  x7,  [x30, #48]
    stp     x8,  x9,  [x30, #64]
    stp     x10, x11, [x30, #80]
    stp     x12, x13, [x30, #96]
    stp     x14, x15, [x30, #112]
    stp     x16, x17, [x30, #128]
    stp     x18, x19, [x30, #144]
    stp     x20, x21, [x30, #160]
    stp     x22, x23, [x30, #176]
    stp     x24, x25, [x30, #192]
    stp     x26, x27, [x30, #208]
    stp     x28, x29, [x30, #224]
    ldr     x8, [sp], #16
    str     x8, [x30, #240]
    add     x30, x30, #248
    adr     x7, 1f
    b       guest_note_system_registers     // goes on at x7; changes x8, x9, x30
1:
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

// An exception: keep what a Rust function may change, and where it came from, which the function may
// change. It comes back from a page fault that it has mended, and from what the guest tries.
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
    str     x30,      [sp, #160]
    stp     x1,  x2,  [sp, #176]    // `Frame`
    add     x1, sp, #176
    bl      {exception}
    ldr     x30,      [sp, #160]
    ldp     x1,  x2,  [sp, #176]
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

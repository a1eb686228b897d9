// u64 guest_fill_registers_and_call(u64 times)
//
// Every register gets a value of its own, sp apart; x0 is that of the call. Then `times` calls that
// nobody defined, and a comparison. Returns 0, or n for xn, 32 + n for vn.

.arch_extension fp
.arch_extension simd

.macro LOAD register, low
    movz    \register, \low
    movk    \register, #0x9ABC, lsl #16
    movk    \register, #0x5678, lsl #32
    movk    \register, #0x1234, lsl #48
.endm
.macro FILL n
    LOAD    x\n, \n
.endm
.macro FILL_VECTOR n
    LOAD    x0, 0xF000+\n
    fmov    d\n, x0
    mvn     x0, x0
    mov     v\n\().d[1], x0
.endm
.macro CHECK n
    LOAD    x0, \n
    cmp     x\n, x0
    mov     x0, \n
    b.ne    3f
.endm
.macro CHECK_VECTOR n
    LOAD    x0, 0xF000+\n
    fmov    x1, d\n
    mov     x2, v\n\().d[1]
    mvn     x2, x2
    cmp     x1, x0
    ccmp    x2, x0, #0, eq
    mov     x0, 32+\n
    b.ne    3f
.endm

.section .text
.type guest_fill_registers_and_call, %function
.globl guest_fill_registers_and_call
guest_fill_registers_and_call:
    sub     sp, sp, #112
    stp     x19, x20, [sp, #0]
    stp     x21, x22, [sp, #16]
    stp     x23, x24, [sp, #32]
    stp     x25, x26, [sp, #48]
    stp     x27, x28, [sp, #64]
    stp     x29, x30, [sp, #80]
    str     x0, [sp, #96]
    mov     x0, #(3 << 20)              // CPACR_EL1.FPEN
    msr     cpacr_el1, x0
    isb

    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    FILL_VECTOR \n
    .endr
    .irp n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30
    FILL    \n
    .endr
1:
    movz    x0, #0x0A00, lsl #16
    hvc     #0
    ldr     x0, [sp, #96]
    sub     x0, x0, #1
    str     x0, [sp, #96]
    cbnz    x0, 1b

    .irp n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30
    CHECK   \n
    .endr
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    CHECK_VECTOR \n
    .endr
    mov     x0, #0
3:
    ldp     x19, x20, [sp, #0]
    ldp     x21, x22, [sp, #16]
    ldp     x23, x24, [sp, #32]
    ldp     x25, x26, [sp, #48]
    ldp     x27, x28, [sp, #64]
    ldp     x29, x30, [sp, #80]
    add     sp, sp, #112
    ret
.size guest_fill_registers_and_call, . - guest_fill_registers_and_call

// u64 guest_fill_registers_and_spin(Spin *spin)
//
// Fills all registers as above, FPCR and FPSR too, and runs code of every kind, with interrupts on, until as
// many came as the Spin wants. Returns 0, or n for xn, 32 + n for vn, 64 for FPCR, 65 for FPSR. Interrupts are
// off when it begins and when it returns.
.set FPCR_ROUND_TO_ZERO, 3 << 22
.set FPSR_ALL, 0x9F

.type guest_fill_registers_and_spin, %function
.globl guest_fill_registers_and_spin
guest_fill_registers_and_spin:
    sub     sp, sp, #160
    stp     x19, x20, [sp, #0]
    stp     x21, x22, [sp, #16]
    stp     x23, x24, [sp, #32]
    stp     x25, x26, [sp, #48]
    stp     x27, x28, [sp, #64]
    stp     x29, x30, [sp, #80]
    mrs     x1, vbar_el1
    stp     x0,  x1,  [sp, #96]
    str     xzr, [sp, #112]             // a word to count in; two to keep registers in
    msr     tpidr_el1, x0
    adrp    x1, guest_counting_vectors
    add     x1, x1, :lo12:guest_counting_vectors
    msr     vbar_el1, x1
    mov     x0, #(3 << 20)              // CPACR_EL1.FPEN
    msr     cpacr_el1, x0
    isb
    mov     x0, #FPCR_ROUND_TO_ZERO
    msr     fpcr, x0
    mov     x0, #FPSR_ALL
    msr     fpsr, x0
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    FILL_VECTOR \n
    .endr
    .irp n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30
    FILL    \n
    .endr
    msr     daifclr, #2
1:
    // Floating point.
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    fneg    v\n\().2d, v\n\().2d
    fneg    v\n\().2d, v\n\().2d
    .endr
    // Integers, flags and memory.
    .irp n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30
    str     x\n, [sp, #120]
    adds    x\n, x\n, #1
    ldr     x\n, [sp, #120]
    .endr
    // Exclusives.
    stp     x1,  x2,  [sp, #120]
    add     x0, sp, #112
2:
    ldxr    x1, [x0]
    add     x1, x1, #1
    stxr    w2, x1, [x0]
    cbnz    w2, 2b
    // A call.
    movz    x0, #0x0A00, lsl #16
    hvc     #0
    ldr     x0, [sp, #96]
    ldp     x1,  x2,  [x0]              // came, wanted
    cmp     x1, x2
    ldp     x1,  x2,  [sp, #120]
    b.lo    1b
    msr     daifset, #2

    .irp n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30
    CHECK   \n
    .endr
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    CHECK_VECTOR \n
    .endr
    mrs     x1, fpcr
    mov     x2, #FPCR_ROUND_TO_ZERO
    cmp     x1, x2
    mov     x0, #64
    b.ne    3f
    mrs     x1, fpsr
    cmp     x1, #FPSR_ALL
    mov     x0, #65
    b.ne    3f
    mov     x0, #0
3:
    ldr     x1, [sp, #104]
    msr     vbar_el1, x1
    isb
    ldp     x19, x20, [sp, #0]
    ldp     x21, x22, [sp, #16]
    ldp     x23, x24, [sp, #32]
    ldp     x25, x26, [sp, #48]
    ldp     x27, x28, [sp, #64]
    ldp     x29, x30, [sp, #80]
    add     sp, sp, #160
    ret
.size guest_fill_registers_and_spin, . - guest_fill_registers_and_spin

// Counts an interrupt of the timer, arms it anew, and goes on where it came. TPIDR_EL1 has the Spin: how many
// came, how many are wanted, the ticks between two, the address of the CPU interface.
.type guest_count_interrupt, %function
guest_count_interrupt:
    sub     sp, sp, #32
    stp     x0,  x1,  [sp, #0]
    stp     x2,  x3,  [sp, #16]
    mrs     x0, tpidr_el1
    ldp     x2,  x1,  [x0, #16]
    ldr     w3, [x1, #0x0C]             // GICC_IAR
    msr     cntv_ctl_el0, xzr
    isb
    str     w3, [x1, #0x10]             // GICC_EOIR
    cmp     w3, #27
    b.ne    1f
    ldr     x3, [x0]
    add     x3, x3, #1
    str     x3, [x0]
1:
    mrs     x3, cntvct_el0
    add     x3, x3, x2
    msr     cntv_cval_el0, x3
    mov     x3, #1
    msr     cntv_ctl_el0, x3
    isb
    ldp     x0,  x1,  [sp, #0]
    ldp     x2,  x3,  [sp, #16]
    add     sp, sp, #32
    eret
.size guest_count_interrupt, . - guest_count_interrupt

// No exception but an interrupt, at EL1 on its own stack, is expected there.
.p2align 11
guest_counting_vectors:
    .irp vector, 0, 1, 2, 3, 4
    b       .
    .p2align 7
    .endr
    b       guest_count_interrupt
    .p2align 7
    .irp vector, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    b       .
    .p2align 7
    .endr

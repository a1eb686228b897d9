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

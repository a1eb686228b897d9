// void guest_run_process(Context *context, u64 ttbr0, Trap *trap)
//
// Goes to EL0 with the registers of `context` and the tables of `ttbr0` in the low half, and comes back with the first
// exception. The registers are in `context` then; `trap` gets the vector, ESR_EL1 and FAR_EL1.
//
// While EL0 runs, SP_EL1 is the context, so that the vectors need no free register. What the kernel had in VBAR_EL1 and
// TCR_EL1 is put back.

.arch_extension fp
.arch_extension simd

.section .text
.type guest_run_process, %function
.globl guest_run_process
guest_run_process:
    stp     x29, x30, [sp, #-128]!
    stp     x19, x20, [sp, #16]
    stp     x21, x22, [sp, #32]
    stp     x23, x24, [sp, #48]
    stp     x25, x26, [sp, #64]
    stp     x27, x28, [sp, #80]
    mrs     x3, vbar_el1
    mrs     x4, tcr_el1
    stp     x3, x4, [sp, #96]
    str     x2, [sp, #112]
    mov     x3, sp
    str     x3, [x0, {kernel_stack}]
    adr     x3, guest_process_vectors
    msr     vbar_el1, x3
    mov     x3, #(3 << 20)              // CPACR_EL1.FPEN
    msr     cpacr_el1, x3
    ldr     x3, ={tcr}
    msr     tcr_el1, x3
    msr     ttbr0_el1, x1
    isb
    tlbi    vmalle1
    dsb     nsh
    isb
    ldp     x3, x4, [x0, {special}]
    msr     sp_el0, x3
    msr     elr_el1, x4
    ldp     x3, x4, [x0, {special} + 16]
    msr     spsr_el1, x3
    msr     tpidr_el0, x4
    ldp     x3, x4, [x0, {special} + 32]
    msr     fpcr, x3
    msr     fpsr, x4
    mov     sp, x0
    add     x1, x0, {floats}
    ldp     q0,  q1, [x1, #0]
    ldp     q2,  q3, [x1, #32]
    ldp     q4,  q5, [x1, #64]
    ldp     q6,  q7, [x1, #96]
    ldp     q8,  q9, [x1, #128]
    ldp     q10, q11, [x1, #160]
    ldp     q12, q13, [x1, #192]
    ldp     q14, q15, [x1, #224]
    ldp     q16, q17, [x1, #256]
    ldp     q18, q19, [x1, #288]
    ldp     q20, q21, [x1, #320]
    ldp     q22, q23, [x1, #352]
    ldp     q24, q25, [x1, #384]
    ldp     q26, q27, [x1, #416]
    ldp     q28, q29, [x1, #448]
    ldp     q30, q31, [x1, #480]
    ldp     x2,  x3,  [sp, #16]
    ldp     x4,  x5,  [sp, #32]
    ldp     x6,  x7,  [sp, #48]
    ldp     x8,  x9,  [sp, #64]
    ldp     x10, x11, [sp, #80]
    ldp     x12, x13, [sp, #96]
    ldp     x14, x15, [sp, #112]
    ldp     x16, x17, [sp, #128]
    ldp     x18, x19, [sp, #144]
    ldp     x20, x21, [sp, #160]
    ldp     x22, x23, [sp, #176]
    ldp     x24, x25, [sp, #192]
    ldp     x26, x27, [sp, #208]
    ldp     x28, x29, [sp, #224]
    ldr     x30,      [sp, #240]
    ldp     x0,  x1,  [sp, #0]
    eret

.macro PROCESS_VECTOR kind
.p2align 7
    stp     x0,  x1,  [sp, #0]
    mov     x0, \kind
    b       guest_process_left
.endm

// The kernel itself takes no exception while these are its vectors: the first eight are never used.
.p2align 11
guest_process_vectors:
    .irp kind, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    PROCESS_VECTOR \kind
    .endr

guest_process_left:
    stp     x2,  x3,  [sp, #16]
    stp     x4,  x5,  [sp, #32]
    stp     x6,  x7,  [sp, #48]
    stp     x8,  x9,  [sp, #64]
    stp     x10, x11, [sp, #80]
    stp     x12, x13, [sp, #96]
    stp     x14, x15, [sp, #112]
    stp     x16, x17, [sp, #128]
    stp     x18, x19, [sp, #144]
    stp     x20, x21, [sp, #160]
    stp     x22, x23, [sp, #176]
    stp     x24, x25, [sp, #192]
    stp     x26, x27, [sp, #208]
    stp     x28, x29, [sp, #224]
    str     x30,      [sp, #240]
    mov     x5, sp
    add     x1, x5, {floats}
    stp     q0,  q1, [x1, #0]
    stp     q2,  q3, [x1, #32]
    stp     q4,  q5, [x1, #64]
    stp     q6,  q7, [x1, #96]
    stp     q8,  q9, [x1, #128]
    stp     q10, q11, [x1, #160]
    stp     q12, q13, [x1, #192]
    stp     q14, q15, [x1, #224]
    stp     q16, q17, [x1, #256]
    stp     q18, q19, [x1, #288]
    stp     q20, q21, [x1, #320]
    stp     q22, q23, [x1, #352]
    stp     q24, q25, [x1, #384]
    stp     q26, q27, [x1, #416]
    stp     q28, q29, [x1, #448]
    stp     q30, q31, [x1, #480]
    mrs     x3, sp_el0
    mrs     x4, elr_el1
    stp     x3, x4, [x5, {special}]
    mrs     x3, spsr_el1
    mrs     x4, tpidr_el0
    stp     x3, x4, [x5, {special} + 16]
    mrs     x3, fpcr
    mrs     x4, fpsr
    stp     x3, x4, [x5, {special} + 32]
    ldr     x3, [x5, {kernel_stack}]
    mov     sp, x3
    ldr     x2, [sp, #112]
    mrs     x3, esr_el1
    mrs     x4, far_el1
    stp     x0, x3, [x2]
    str     x4, [x2, #16]
    ldp     x3, x4, [sp, #96]
    msr     vbar_el1, x3
    msr     tcr_el1, x4
    msr     ttbr0_el1, xzr
    isb
    tlbi    vmalle1
    dsb     nsh
    isb
    ldp     x19, x20, [sp, #16]
    ldp     x21, x22, [sp, #32]
    ldp     x23, x24, [sp, #48]
    ldp     x25, x26, [sp, #64]
    ldp     x27, x28, [sp, #80]
    ldp     x29, x30, [sp], #128
    ret
.size guest_run_process, . - guest_run_process
.ltorg

# void guest_run_process(Context *context, u64 satp, Trap *trap)
#
# Goes to user mode with the registers of `context` and the tables of `satp`, and comes back with the first trap. The
# registers are in `context` then; `trap` gets scause and stval.
#
# The trap finds the context in sscratch. What the kernel had in satp, sscratch, stvec and sstatus is put back.

.section .text
.option push
.option arch, +d
.type guest_run_process, @function
.globl guest_run_process
guest_run_process:
    addi    sp, sp, -176
    sd      ra, 0(sp)
    sd      gp, 8(sp)
    sd      tp, 16(sp)
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11
    sd      s\n, 24 + 8 * \n(sp)
    .endr
    sd      a2, 120(sp)
    csrr    t0, satp
    sd      t0, 128(sp)
    csrr    t0, sscratch
    sd      t0, 136(sp)
    csrr    t0, stvec
    sd      t0, 144(sp)
    csrr    t0, sstatus
    sd      t0, 152(sp)
    frcsr   t0
    sd      t0, 160(sp)
    sd      sp, {kernel_stack}(a0)
    la      t0, 1f
    csrw    stvec, t0
    csrw    sscratch, a0
    # Both tables have the kernel, and no ASID: nothing of the process before may be left.
    csrw    satp, a1
    sfence.vma
    li      t0, 1 << 8              # sstatus.SPP: to user mode
    csrc    sstatus, t0
    ld      t0, 0(a0)
    csrw    sepc, t0
    ld      t0, {fcsr}(a0)
    fscsr   t0
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    fld     f\n, {floats} + 8 * \n(a0)
    .endr
    .irp n, 1,2,3,4,5,6,7,8,9,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    ld      x\n, 8 * \n(a0)
    .endr
    ld      a0, 8 * 10(a0)
    sret
.p2align 2
1:
    csrrw   a0, sscratch, a0
    .irp n, 1,2,3,4,5,6,7,8,9,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    sd      x\n, 8 * \n(a0)
    .endr
    csrr    t0, sscratch
    sd      t0, 8 * 10(a0)
    csrr    t0, sepc
    sd      t0, 0(a0)
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    fsd     f\n, {floats} + 8 * \n(a0)
    .endr
    frcsr   t0
    sd      t0, {fcsr}(a0)
    ld      sp, {kernel_stack}(a0)
    ld      a2, 120(sp)
    csrr    t0, scause
    sd      t0, 0(a2)
    csrr    t0, stval
    sd      t0, 8(a2)
    ld      t0, 128(sp)
    csrw    satp, t0
    sfence.vma
    ld      t0, 136(sp)
    csrw    sscratch, t0
    ld      t0, 144(sp)
    csrw    stvec, t0
    ld      t0, 152(sp)
    csrw    sstatus, t0
    ld      t0, 160(sp)
    fscsr   t0
    ld      ra, 0(sp)
    ld      gp, 8(sp)
    ld      tp, 16(sp)
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11
    ld      s\n, 24 + 8 * \n(sp)
    .endr
    addi    sp, sp, 176
    ret
.size guest_run_process, . - guest_run_process
.option pop

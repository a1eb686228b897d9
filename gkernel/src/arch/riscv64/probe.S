# void guest_attempt(u64 code, u64 in_user_mode, Trap *trap)
#
# Goes to `code`, in the kernel by a call, in user mode by `sret`, and comes back by its return or its
# first trap. `trap` gets scause, sepc, stval and sstatus of the trap; nothing if there was none.
#
# The trap finds this function's stack pointer in sscratch. What the kernel had in sscratch, stvec and
# sstatus is put back.

.section .text
.type guest_attempt, @function
.globl guest_attempt
guest_attempt:
    addi    sp, sp, -160
    sd      ra, 0(sp)
    sd      gp, 8(sp)
    sd      tp, 16(sp)
    sd      s0, 24(sp)
    sd      s1, 32(sp)
    sd      s2, 40(sp)
    sd      s3, 48(sp)
    sd      s4, 56(sp)
    sd      s5, 64(sp)
    sd      s6, 72(sp)
    sd      s7, 80(sp)
    sd      s8, 88(sp)
    sd      s9, 96(sp)
    sd      s10, 104(sp)
    sd      s11, 112(sp)
    sd      a2, 120(sp)
    csrr    t0, sscratch
    sd      t0, 128(sp)
    csrr    t0, stvec
    sd      t0, 136(sp)
    csrr    t0, sstatus
    sd      t0, 144(sp)
    la      t0, 2f
    csrw    stvec, t0
    csrw    sscratch, sp
    bnez    a1, 1f
    li      t0, 1 << 5              # SPIE, which a trap of the kernel's has to clear: SIE is off
    csrs    sstatus, t0
    jalr    a0
    j       3f
1:
    li      t0, 1 << 8              # sstatus.SPP: back to user mode
    csrc    sstatus, t0
    li      t0, 1 << 5              # SPIE: with SIE on, which the trap has to keep
    csrs    sstatus, t0
    csrw    sepc, a0
    sret
.p2align 2
2:
    csrr    sp, sscratch
    ld      a2, 120(sp)
    csrr    t0, scause
    sd      t0, 0(a2)
    csrr    t0, sepc
    sd      t0, 8(a2)
    csrr    t0, stval
    sd      t0, 16(a2)
    csrr    t0, sstatus
    sd      t0, 24(a2)
3:
    ld      t0, 128(sp)
    csrw    sscratch, t0
    ld      t0, 136(sp)
    csrw    stvec, t0
    ld      t0, 144(sp)
    csrw    sstatus, t0
    ld      ra, 0(sp)
    ld      gp, 8(sp)
    ld      tp, 16(sp)
    ld      s0, 24(sp)
    ld      s1, 32(sp)
    ld      s2, 40(sp)
    ld      s3, 48(sp)
    ld      s4, 56(sp)
    ld      s5, 64(sp)
    ld      s6, 72(sp)
    ld      s7, 80(sp)
    ld      s8, 88(sp)
    ld      s9, 96(sp)
    ld      s10, 104(sp)
    ld      s11, 112(sp)
    addi    sp, sp, 160
    ret
.size guest_attempt, . - guest_attempt

# u64 guest_fill_registers_and_call(u64 times)
#
# Every register gets a value of its own, x1 and sp apart; a0, a1, a6 and a7 are those of the call.
# Then `times` calls that nobody defined, and a comparison. Returns 0, or n for xn, 32 + n for fn.

.option push
.option arch, +a, +d

.macro FILL n
    li      x\n, 0x123456789ABC0000 + \n
.endm
.macro FILL_FLOAT n
    li      a1, 0x123456789ABCF000 + \n
    fmv.d.x f\n, a1
.endm
.macro CHECK n
    li      a1, 0x123456789ABC0000 + \n
    li      a0, \n
    bne     x\n, a1, 3f
.endm
.macro CHECK_FLOAT n
    li      a1, 0x123456789ABCF000 + \n
    li      a0, 32 + \n
    fmv.x.d a6, f\n
    bne     a6, a1, 3f
.endm

.macro FILL_ALL
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    FILL_FLOAT \n
    .endr
    .irp n, 1,3,4,5,6,7,8,9,12,13,14,15,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    FILL    \n
    .endr
.endm
.macro CHECK_ALL
    .irp n, 1,3,4,5,6,7,8,9,12,13,14,15,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    CHECK   \n
    .endr
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    CHECK_FLOAT \n
    .endr
.endm

# What a caller wants back, and a0 at 0(sp), in so many bytes of stack. What lies from 128(sp) on is the function's.
.macro KEEP size
    addi    sp, sp, -\size
    sd      a0, 0(sp)
    sd      ra, 8(sp)
    sd      gp, 16(sp)
    sd      tp, 24(sp)
    sd      s0, 32(sp)
    sd      s1, 40(sp)
    sd      s2, 48(sp)
    sd      s3, 56(sp)
    sd      s4, 64(sp)
    sd      s5, 72(sp)
    sd      s6, 80(sp)
    sd      s7, 88(sp)
    sd      s8, 96(sp)
    sd      s9, 104(sp)
    sd      s10, 112(sp)
    sd      s11, 120(sp)
.endm
.macro GIVE_BACK size
    ld      ra, 8(sp)
    ld      gp, 16(sp)
    ld      tp, 24(sp)
    ld      s0, 32(sp)
    ld      s1, 40(sp)
    ld      s2, 48(sp)
    ld      s3, 56(sp)
    ld      s4, 64(sp)
    ld      s5, 72(sp)
    ld      s6, 80(sp)
    ld      s7, 88(sp)
    ld      s8, 96(sp)
    ld      s9, 104(sp)
    ld      s10, 112(sp)
    ld      s11, 120(sp)
    addi    sp, sp, \size
.endm

.section .text
.type guest_fill_registers_and_call, @function
.globl guest_fill_registers_and_call
guest_fill_registers_and_call:
    KEEP    144
    # Floating point on (sstatus.FS), for the guest.
    li      a1, 0x6000
    csrs    sstatus, a1

    FILL_ALL
1:
    li      a7, 0x0A000000
    li      a6, 0
    ecall
    ld      a0, 0(sp)
    addi    a0, a0, -1
    sd      a0, 0(sp)
    bnez    a0, 1b

    CHECK_ALL
    li      a0, 0
3:
    GIVE_BACK 144
    ret
.size guest_fill_registers_and_call, . - guest_fill_registers_and_call

# u64 guest_fill_registers_and_spin(Spin *spin)
#
# As above, but instead of making calls alone it runs code of every kind until enough interrupts of the timer
# came, each at some instruction of it: integers, memory, atomics, floating point, calls. The interrupts lead to
# guest_count_interrupt, by stvec. The timer is armed, its interrupt is enabled by itself, and interrupts are off.
.type guest_fill_registers_and_spin, @function
.globl guest_fill_registers_and_spin
guest_fill_registers_and_spin:
    KEEP    176
    csrr    a1, stvec
    sd      a1, 128(sp)
    csrr    a1, sscratch
    sd      a1, 136(sp)
    csrw    sscratch, a0
    la      a1, guest_count_interrupt
    csrw    stvec, a1
    li      a1, 0x6000
    csrs    sstatus, a1
    # A rounding mode and a flag of its own.
    li      a1, 0x41
    csrw    fcsr, a1

    FILL_ALL
    csrsi   sstatus, 2
4:
    li      a1, 50
5:
    # Floating point: moves and copies through memory.
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    fsd     f\n, 144(sp)
    fld     f\n, 144(sp)
    fsgnj.d f\n, f\n, f\n
    .endr
    # Integers, memory and atomics.
    .irp n, 1,3,4,5,6,7,8,9,12,13,14,15,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    sd      x\n, 152(sp)
    addi    x\n, x\n, 1
    ld      x\n, 152(sp)
    .endr
    addi    a0, sp, 160
    amoadd.d zero, a1, (a0)
    addi    a1, a1, -1
    bnez    a1, 5b
    # A call.
    li      a7, 0x0A000000
    li      a6, 0
    ecall
    ld      a0, 0(sp)
    ld      a1, 0(a0)
    ld      a0, 8(a0)
    bltu    a1, a0, 4b
    csrci   sstatus, 2

    CHECK_ALL
    li      a0, 64
    csrr    a1, fcsr
    li      a6, 0x41
    bne     a1, a6, 3f
    li      a0, 0
3:
    csrci   sstatus, 2
    ld      a1, 128(sp)
    csrw    stvec, a1
    ld      a1, 136(sp)
    csrw    sscratch, a1
    GIVE_BACK 176
    ret
.size guest_fill_registers_and_spin, . - guest_fill_registers_and_spin

# Counts an interrupt of the timer, arms it anew, and goes on where it came. sscratch has the Spin: how many came,
# how many are wanted, whether SBI has the timer, the ticks between two; and room.
.p2align 2
.type guest_count_interrupt, @function
guest_count_interrupt:
    csrrw   t0, sscratch, t0
    sd      t1, 32(t0)
    sd      a0, 40(t0)
    sd      a1, 48(t0)
    sd      a6, 56(t0)
    sd      a7, 64(t0)
    ld      t1, 0(t0)
    addi    t1, t1, 1
    sd      t1, 0(t0)
    ld      t1, 24(t0)
    csrr    a0, time
    add     a0, a0, t1
    ld      t1, 16(t0)
    beqz    t1, 1f
    li      a7, 0x54494D45
    li      a6, 0
    ecall
    j       2f
1:
    csrw    0x14D, a0
2:
    ld      t1, 32(t0)
    ld      a0, 40(t0)
    ld      a1, 48(t0)
    ld      a6, 56(t0)
    ld      a7, 64(t0)
    csrrw   t0, sscratch, t0
    sret
.size guest_count_interrupt, . - guest_count_interrupt

# A trap vector that goes on four bytes behind the instruction.
.p2align 2
.type guest_skip_instruction, @function
.globl guest_skip_instruction
guest_skip_instruction:
    csrw    sscratch, t0
    csrr    t0, sepc
    addi    t0, t0, 4
    csrw    sepc, t0
    csrr    t0, sscratch
    sret
.size guest_skip_instruction, . - guest_skip_instruction
.option pop

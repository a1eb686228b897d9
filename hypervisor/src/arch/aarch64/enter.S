// The world switch of aarch64: u64 hv_aarch64_enter(Context *ctx)
//
// x0 = the vCPU's context. Runs the guest until it takes an exception to the host, and returns
// which of the four vectors that was (0 synchronous, 1 IRQ, 2 FIQ, 3 SError). The caller has
// interrupts masked and finds ESR and FAR as the exception left them.
//
// The host is at EL2 with HCR_EL2.E2H set, where the names *_EL1 reach EL2's registers; or, for a
// guest at EL0 on a machine without EL2, at EL1, where they are what they say. So HCR_EL2 and what
// else exists for EL2 only are touched only for a guest at EL1, whose guest_hcr is not zero.
//
// While the guest runs, the host's stack pointer points to the context, so that the vectors need no
// register.

.section .text
// Pages of its own: QEMU runs the code of a page that has a breakpoint on it an instruction at a time.
.balign 4096
.type hv_aarch64_enter, %function
.globl hv_aarch64_enter
hv_aarch64_enter:
    stp     x19, x20, [x0, {host} + 0*8]
    stp     x21, x22, [x0, {host} + 2*8]
    stp     x23, x24, [x0, {host} + 4*8]
    stp     x25, x26, [x0, {host} + 6*8]
    stp     x27, x28, [x0, {host} + 8*8]
    stp     x29, x30, [x0, {host} + 10*8]
    mov     x1, sp
    str     x1, [x0, {host_sp}]
    mrs     x1, sp_el0
    str     x1, [x0, {host_sp_el0}]
    mrs     x1, tpidr_el0
    str     x1, [x0, {host_tpidr_el0}]
    mrs     x1, vbar_el1
    str     x1, [x0, {host_vbar}]
    mrs     x1, ttbr0_el1
    str     x1, [x0, {host_ttbr0}]

    adrp    x1, hv_aarch64_vectors
    add     x1, x1, :lo12:hv_aarch64_vectors
    msr     vbar_el1, x1
    ldr     x1, [x0, {guest_ttbr0}]
    msr     ttbr0_el1, x1
    ldr     x1, [x0, {guest_sp_el0}]
    msr     sp_el0, x1
    ldr     x1, [x0, {guest_tpidr_el0}]
    msr     tpidr_el0, x1
    ldr     x1, [x0, {guest_elr}]
    msr     elr_el1, x1
    ldr     x1, [x0, {guest_spsr}]
    msr     spsr_el1, x1

    ldr     x1, [x0, {guest_hcr}]
    cbz     x1, 1f
    mrs     x1, tpidr_el1
    str     x1, [x0, {host_tpidr_el1}]
    ldr     x1, [x0, {guest_tpidr_el1}]
    msr     tpidr_el1, x1
    ldr     x1, [x0, {guest_sp_el1}]
    msr     sp_el1, x1
1:
    isb
    mov     sp, x0
    ldp     x2,  x3,  [sp, {guest} + 2*8]
    ldp     x4,  x5,  [sp, {guest} + 4*8]
    ldp     x6,  x7,  [sp, {guest} + 6*8]
    ldp     x8,  x9,  [sp, {guest} + 8*8]
    ldp     x10, x11, [sp, {guest} + 10*8]
    ldp     x12, x13, [sp, {guest} + 12*8]
    ldp     x14, x15, [sp, {guest} + 14*8]
    ldp     x16, x17, [sp, {guest} + 16*8]
    ldp     x18, x19, [sp, {guest} + 18*8]
    ldp     x20, x21, [sp, {guest} + 20*8]
    ldp     x22, x23, [sp, {guest} + 22*8]
    ldp     x24, x25, [sp, {guest} + 24*8]
    ldp     x26, x27, [sp, {guest} + 26*8]
    ldp     x28, x29, [sp, {guest} + 28*8]
    ldr     x30,      [sp, {guest} + 30*8]
    ldp     x0,  x1,  [sp, {guest}]
// Who looks at the machine from outside finds the guest's state in the CPU here.
.globl hv_guest_entry
hv_guest_entry:
    eret

// x0 and x1 of the guest are saved; x0 = which vector it was.
hv_aarch64_leave:
    stp     x2,  x3,  [sp, {guest} + 2*8]
    stp     x4,  x5,  [sp, {guest} + 4*8]
    stp     x6,  x7,  [sp, {guest} + 6*8]
    stp     x8,  x9,  [sp, {guest} + 8*8]
    stp     x10, x11, [sp, {guest} + 10*8]
    stp     x12, x13, [sp, {guest} + 12*8]
    stp     x14, x15, [sp, {guest} + 14*8]
    stp     x16, x17, [sp, {guest} + 16*8]
    stp     x18, x19, [sp, {guest} + 18*8]
    stp     x20, x21, [sp, {guest} + 20*8]
    stp     x22, x23, [sp, {guest} + 22*8]
    stp     x24, x25, [sp, {guest} + 24*8]
    stp     x26, x27, [sp, {guest} + 26*8]
    stp     x28, x29, [sp, {guest} + 28*8]
    str     x30,      [sp, {guest} + 30*8]
    mov     x2, sp

    ldr     x1, [x2, {guest_hcr}]
    cbz     x1, 1f
    mrs     x1, tpidr_el1
    str     x1, [x2, {guest_tpidr_el1}]
    mrs     x1, sp_el1
    str     x1, [x2, {guest_sp_el1}]
    ldr     x1, [x2, {host_tpidr_el1}]
    msr     tpidr_el1, x1
1:
    mrs     x1, sp_el0
    str     x1, [x2, {guest_sp_el0}]
    mrs     x1, tpidr_el0
    str     x1, [x2, {guest_tpidr_el0}]
    mrs     x1, elr_el1
    str     x1, [x2, {guest_elr}]
    mrs     x1, spsr_el1
    str     x1, [x2, {guest_spsr}]

    ldr     x1, [x2, {host_ttbr0}]
    msr     ttbr0_el1, x1
    ldr     x1, [x2, {host_vbar}]
    msr     vbar_el1, x1
    ldr     x1, [x2, {host_tpidr_el0}]
    msr     tpidr_el0, x1
    ldr     x1, [x2, {host_sp_el0}]
    msr     sp_el0, x1
    isb
    ldr     x1, [x2, {host_sp}]
    mov     sp, x1
    ldp     x19, x20, [x2, {host} + 0*8]
    ldp     x21, x22, [x2, {host} + 2*8]
    ldp     x23, x24, [x2, {host} + 4*8]
    ldp     x25, x26, [x2, {host} + 6*8]
    ldp     x27, x28, [x2, {host} + 8*8]
    ldp     x29, x30, [x2, {host} + 10*8]
    ret
.size hv_aarch64_enter, . - hv_aarch64_enter

// From the guest: keep two registers, note the vector, leave.
.macro GUEST_VECTOR number
.p2align 7
    stp     x0, x1, [sp, {guest}]
    mov     x0, \number
    b       hv_aarch64_leave
.endm

// From the host itself: a fault in the few instructions around the guest, a defect of the
// hypervisor. There is no stack to report it on; the host's vectors have one.
.macro HOST_VECTOR offset
.p2align 7
    ldr     x1, [sp, {host_vbar}]
    msr     vbar_el1, x1
    ldr     x0, [sp, {host_sp}]
    add     x1, x1, \offset
    mov     sp, x0
    br      x1
.endm

.p2align 11
hv_aarch64_vectors:
    HOST_VECTOR 0x000           // host, on SP_EL0: synchronous, IRQ, FIQ, SError
    HOST_VECTOR 0x080
    HOST_VECTOR 0x100
    HOST_VECTOR 0x180
    HOST_VECTOR 0x200           // host, on its own SP
    HOST_VECTOR 0x280
    HOST_VECTOR 0x300
    HOST_VECTOR 0x380
    GUEST_VECTOR 0              // guest, AArch64
    GUEST_VECTOR 1
    GUEST_VECTOR 2
    GUEST_VECTOR 3
    HOST_VECTOR 0x600           // EL1 in AArch32: cannot be (HCR_EL2.RW). What EL0 is in does not
    HOST_VECTOR 0x680           // matter: the level just below EL2 chooses (Arm ARM, D1.3)
    HOST_VECTOR 0x700
    HOST_VECTOR 0x780

// Where a guest's memory and its tables are about to be given back. On another page than the switch: who looks at the
// machine from outside waits here for as long as the guest runs.
.balign 4096
.type hv_guest_release, %function
.globl hv_guest_release
hv_guest_release:
    ret
.size hv_guest_release, . - hv_guest_release
.balign 4096

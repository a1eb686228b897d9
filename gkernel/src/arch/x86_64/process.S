# void guest_run_process(Context *context, u64 cr3, const void *idt_pointer)
#
# Goes to ring 3 with the registers of `context`, the tables of `cr3` and the gates of `idt_pointer`, and comes back
# with the first exception or interrupt. The registers, the vector and the error code are in `context` then.
#
# The stack for exceptions from ring 3 ends where the frame in the context ends, so that the CPU writes that. What the
# kernel had in CR3 and IDTR is put back.

.section .text
.type guest_run_process, @function
.globl guest_run_process
guest_run_process:
    push    rbx
    push    rbp
    push    r12
    push    r13
    push    r14
    push    r15
    mov     rax, cr3
    push    rax
    sub     rsp, 16
    sidt    [rsp]
    lidt    [rdx]
    mov     [rdi + {kernel_stack}], rsp
    mov     cr3, rsi
    fxrstor64 [rdi + {floats}]
    lea     rsp, [rdi + {general}]
    pop     rax
    pop     rbx
    pop     rcx
    pop     rdx
    pop     rsi
    pop     rdi
    pop     rbp
    pop     r8
    pop     r9
    pop     r10
    pop     r11
    pop     r12
    pop     r13
    pop     r14
    pop     r15
    add     rsp, 16                     # the vector and the error code
    iretq

guest_process_left:
    push    r15
    push    r14
    push    r13
    push    r12
    push    r11
    push    r10
    push    r9
    push    r8
    push    rbp
    push    rdi
    push    rsi
    push    rdx
    push    rcx
    push    rbx
    push    rax
    cld
    fxsave64 [rsp + {floats} - {general}]
    mov     rsp, [rsp + {kernel_stack} - {general}]
    lidt    [rsp]
    add     rsp, 16
    pop     rax
    mov     cr3, rax
    pop     r15
    pop     r14
    pop     r13
    pop     r12
    pop     rbp
    pop     rbx
    ret
.size guest_run_process, . - guest_run_process

# A stub of 16 bytes for each vector. These leave an error code by themselves: 8, 10 to 14, 17, 21.
.set    guest_process_vector, 0
.p2align 4
.globl guest_process_stubs
guest_process_stubs:
    .rept   256
    .p2align 4
    .if     (guest_process_vector == 8) || (guest_process_vector >= 10 && guest_process_vector <= 14) || (guest_process_vector == 17) || (guest_process_vector == 21)
    .else
    push    0
    .endif
    push    guest_process_vector
    jmp     guest_process_left
    .set    guest_process_vector, guest_process_vector + 1
    .endr
